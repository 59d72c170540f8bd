from pathlib import Path

import pytest
from msgspec.structs import replace

from registry.client import Client
from registry.core.activities import Activity, ActivityState
from registry.core.errors import InvalidInput, NotFound
from registry.core.imaging.image_documents import CodeDocument, ImageDocument, ImageEnvironmentDocument, SampleDocument
from registry.core.imaging.images import PATH_ANNOTATION, Runtime
from registry.core.imaging.samples import MAX_SAMPLE_BYTES
from registry.core.modelling.models import ModelFile, ModelVersion
from registry.operations.workspace import Workspace
from registry.store.modelling import model_versions, models


@pytest.fixture
def client(url: str, workspace: Workspace) -> Client:
    """A client of a registry that has model cancer:1, one pickled file."""
    blob = workspace.blobs.put(b"pickle")
    file = ModelFile(path="model.joblib", sha256=blob.digest.removeprefix("sha256:"), size=blob.size)
    version = ModelVersion(name="cancer", version=1, run_id=None, path="", files=[file], created_ms=1)
    with workspace.metadata.write() as tx:
        models.create(tx, "cancer", "", 1)
        model_versions.insert(tx, version)
    return Client(url)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "code").mkdir()
    (tmp_path / "code/score.py").write_text("def init(): ...\ndef run(data): return data\n")
    (tmp_path / "requirements.txt").write_text("click==8.1.7\n")
    return tmp_path


def document(requirements: str | None = "requirements.txt", code: str = "code") -> ImageDocument:
    return ImageDocument(
        name="gbm",
        model="cancer:1",
        code_configuration=CodeDocument(code=code, scoring_script="score.py"),
        environment=ImageEnvironmentDocument(requirements=requirements),
        tags={"team": "a", "year": 2024},
    )


def ended(client: Client, activity: Activity) -> Activity:
    while not activity.state.ended:
        activity = client.activities.get(activity.id, after=len(activity.log), wait_s=30)
    return activity


def test_an_image_is_built_from_a_document_and_its_folder(client: Client, folder: Path) -> None:
    built = ended(client, client.images.build(document(), folder))

    assert built.state is ActivityState.SUCCEEDED, built.message
    image = client.images.get(built.result["reference"])
    assert (image.digest, image.labels) == (built.result["digest"], {"team": "a", "year": "2024"})
    assert (image.config.runtime, image.config.scoring_script) == (Runtime.SCRIPT, "score.py")
    assert client.images.list() == [image]
    assert client.images.get(f"gbm@{image.digest}") == image


@pytest.mark.parametrize(
    ("environment", "content"),
    [
        (ImageEnvironmentDocument(pyproject="file"), "[project]\ndependencies = ['click==8.1.7']\n"),
        (ImageEnvironmentDocument(conda_file="file"), "dependencies: [pip, {pip: [click==8.1.7]}]\n"),
        (ImageEnvironmentDocument(name="onnxruntime@latest", requirements="file"), "click==8.1.7\n"),
    ],
)
def test_dependencies_come_from_any_kind_of_file(
    client: Client, folder: Path, environment: ImageEnvironmentDocument, content: str
) -> None:
    (folder / "file").write_text(content)
    built = ended(client, client.images.build(replace(document(), environment=environment), folder))

    assert built.state is ActivityState.SUCCEEDED, built.message


def test_an_image_may_carry_its_wheels(client: Client, folder: Path) -> None:
    environment = ImageEnvironmentDocument(requirements="requirements.txt", vendor=True)
    built = ended(client, client.images.build(replace(document(), environment=environment), folder))

    assert built.state is ActivityState.SUCCEEDED, built.message
    layers = client.images.get(built.result["reference"]).layers
    paths = [layer.annotations.get(PATH_ANNOTATION, "") for layer in layers if "wheels" in layer.annotations.values()]
    assert any(path.startswith("opt/slipway/wheels/numpy-") for path in paths)  # large, so a layer of its own
    assert paths[-1] == ""  # the small ones share the last
    again = ended(client, client.images.build(replace(document(), environment=environment), folder))
    assert again.result == built.result


@pytest.mark.e2e
def test_sample_requests_are_answered_at_build_and_their_answers_are_shown(client: Client, folder: Path) -> None:
    (folder / "rows.json").write_text('{"data": [[1]]}')
    given = replace(document(), sample_requests=[SampleDocument(file="rows.json")])
    built = ended(client, client.images.build(given, folder))

    assert built.state is ActivityState.SUCCEEDED, built.message
    (answer,) = client.images.golden(built.result["reference"]).answers
    assert (answer.sample, answer.status, answer.body) == ("rows.json", 200, b'"{\\"data\\": [[1]]}"')
    assert "each sample was answered alike three times, by two processes: 1 in all" in built.log


@pytest.mark.e2e
def test_a_script_that_fails_over_a_sample_fails_the_build_with_its_own_line(client: Client, folder: Path) -> None:
    (folder / "code/score.py").write_text("def init(): ...\ndef run(data):\n    raise ValueError('no such column')\n")
    (folder / "rows.json").write_text("{}")
    given = replace(document(), sample_requests=[SampleDocument(file="rows.json")])
    built = ended(client, client.images.build(given, folder))
    assert built.message == (
        "sample rows.json at /score was answered with 500: run() raised ValueError: no such column (score.py:3)"
    )
    assert client.images.list() == []


@pytest.mark.parametrize(
    ("size", "message"), [(-1, r"\[0\]\.file: cannot read"), (MAX_SAMPLE_BYTES + 1, "more than the")]
)
def test_a_sample_that_cannot_be_read_or_is_too_large_is_named(
    client: Client, folder: Path, size: int, message: str
) -> None:
    if size > 0:
        (folder / "rows.json").write_bytes(bytes(size))
    with pytest.raises(InvalidInput, match=message):
        client.images.build(replace(document(), sample_requests=[SampleDocument(file="rows.json")]), folder)


def test_a_build_that_fails_says_why_at_its_end(client: Client, folder: Path) -> None:
    (folder / "requirements.txt").write_text("click==0.0.1\n")
    built = ended(client, client.images.build(document(), folder))

    assert built.state is ActivityState.FAILED
    assert "there is no version of click==0.0.1" in built.message


@pytest.mark.parametrize(
    ("wrong", "message"),
    [(document(requirements="none.txt"), "requirements: cannot read"), (document(code="none"), "no code folder")],
)
def test_a_path_that_leads_to_nothing_is_named(
    client: Client, folder: Path, wrong: ImageDocument, message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        client.images.build(wrong, folder)


def test_an_image_that_is_not_there_is_not_found(client: Client) -> None:
    with pytest.raises(NotFound, match="no image"):
        client.images.get("gbm:7")
