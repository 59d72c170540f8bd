import asyncio
import hashlib
import re
import sys
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from registry.core.activities import Activity, ActivityKind, ActivityState
from registry.core.errors import BuildFailed, InvalidInput, NotFound, SlipwayError, Unavailable
from registry.core.imaging.acceleration import CPU, AccelerationRequest
from registry.core.imaging.containers import ContainerSettings
from registry.core.imaging.environments import EnvironmentRequest
from registry.core.imaging.images import MANIFEST_TYPE, MODELS_PATH, BuildRequest, ImageKind
from registry.core.imaging.samples import (
    GOLDEN_TYPE,
    MAX_SAMPLE_BYTES,
    MAX_SAMPLES,
    Answer,
    GoldenAnswers,
    SampleRequest,
)
from registry.core.modelling.dataset_versions import NewDatasetVersion
from registry.core.modelling.models import ModelFile, ModelVersion
from registry.core.rest import ImportedFile
from registry.images.keeping.layout import ImageLayout
from registry.images.layers.base import LARGE_BYTES
from registry.images.lock import Locks
from registry.images.pack import Entry, entry_of_bytes, tar_chunks
from registry.images.quantise import Quantiser
from registry.images.rehearsal import Rehearsals
from registry.operations.activities import MAX_RUNNING, begin_activity, end_activity, follow_activity
from registry.operations.imaging.catalog import list_images, resolve_image
from registry.operations.imaging.golden import get_golden
from registry.operations.imaging.image_works import ImageWorks, open_image_works
from registry.operations.imaging.images import start_build
from registry.operations.imaging.referrers import attach, referrers
from registry.operations.imaging.signing import signature_fault
from registry.operations.modelling.dataset_versions import create_version as create_dataset
from registry.operations.modelling.model_labels import set_alias
from registry.operations.modelling.model_versions import create_version
from registry.operations.modelling.models import create_model
from registry.operations.workspace import Workspace
from registry.store.imaging import manifests
from registry.store.modelling import model_versions, models

ONNX = b"\x08\x0a\x3a\x02\x0a\x00"
QUANTISER = """
import hashlib, json, sys
order = json.loads(sys.stdin.readline())
def tell(**news): print(json.dumps(news), flush=True)
tell(line="quantising " + open(order["rows"]).read())
open(order["quantised"], "wb").write(open(order["model"], "rb").read() + b"\\x42\\x01q")
if order["max_drop"] == 0:
    tell(error="quantising costs more than max_accuracy_drop allows: a drop of 0.1 where 0 is the bound")
else:
    figures = dict(rows=3, measure="accuracy", before=1.0, after=0.9, drop=0.1, max_error=0.5, mean_error=0.25)
    external = ["weights.bin"]
    tell(result={**figures, "operators": ["MatMul"], "tools": {"onnx": "1"}, "external": external})
"""
SCRIPT = b"def init(): ...\ndef run(data): return data\n"
PYTHON = "3.11"


class KnownLocks(Locks):
    """Resolves nothing; remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[list[str], list[str], str]] = []

    def resolve(self, requirements: list[str], own: list[str], python: str, architecture: str) -> bytes:
        self.asked.append((requirements, own, python))
        if requirements == ["broken==1"]:
            raise BuildFailed("the requirements cannot be resolved: there is no broken==1")
        if requirements == ["fault==1"]:
            raise RuntimeError("a secret of ours")
        return b"numpy==2.0.0 --hash=sha256:00\n"


class KnownRehearsals(Rehearsals):
    """Runs nothing: answers every sample, or refuses it, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.refusal = ""

    def rehearse(self, name: str, digest: str, folders: Sequence[Path], report: Callable[[str], None]) -> GoldenAnswers:
        assert any((folder / digest.removeprefix("sha256:")).is_file() for folder in folders)
        self.asked.append(digest)
        if self.refusal:
            raise BuildFailed(self.refusal)
        answer = Answer(sample="rows.json", status=200, content_type="application/json", body=b"[0.5]")
        return GoldenAnswers(answers=[answer])


@pytest.fixture
def works(tmp_path: Path) -> ImageWorks:
    locks, node = KnownLocks(), tmp_path / "node"
    quantiser = Quantiser(locks, node, PYTHON, "amd64", tmp_path / "notes", [sys.executable, "-c", QUANTISER])
    return ImageWorks(ImageLayout(tmp_path / "images"), locks, "amd64", PYTHON, KnownRehearsals(), quantiser)


def register(workspace: Workspace, name: str, **files: bytes) -> None:
    with workspace.metadata.write() as tx:
        if models.find_entry(tx, name) is None:
            models.create(tx, name, "", 1)
        stored = [(path.replace("_", "."), workspace.blobs.put(content)) for path, content in files.items()]
        frozen = [
            ModelFile(path=path, sha256=blob.digest.removeprefix("sha256:"), size=blob.size) for path, blob in stored
        ]
        number = model_versions.next_number(tx, name)
        model_versions.insert(
            tx, ModelVersion(name=name, version=number, run_id=None, path="", files=frozen, created_ms=1)
        )


def blobs_of(works: ImageWorks) -> list[str]:
    """Every blob in the layout, and what is on its way there."""
    return [path.name for folder in ("blobs/sha256", "incoming") for path in (works.layout.folder / folder).iterdir()]


def upload(workspace: Workspace, *entries: Entry) -> str:
    return workspace.blobs.put(tar_chunks(entries)).digest


def build(workspace: Workspace, works: ImageWorks, request: BuildRequest) -> Activity:
    activity = start_build(workspace, works, request)

    async def follow() -> Activity:
        seen = activity
        while not seen.state.ended:
            seen = await follow_activity(workspace, activity.id, len(seen.log), 30)
        return seen

    return asyncio.run(follow())


def test_a_build_beyond_those_that_may_wait_is_refused(workspace: Workspace, works: ImageWorks) -> None:
    register(workspace, "cancer", model_onnx=ONNX)
    waiting = [begin_activity(workspace, ActivityKind.BUILD, "other", "waiting") for _ in range(MAX_RUNNING)]
    request = BuildRequest(name="cancer-onnx", model="cancer:1")
    with pytest.raises(Unavailable, match="32 activities of kind build are running or waiting"):
        start_build(workspace, works, request)
    end_activity(workspace, waiting[0].id, ActivityState.FAILED, "gone")
    assert build(workspace, works, request).state is ActivityState.SUCCEEDED


def test_an_onnx_model_becomes_an_image_with_a_number(workspace: Workspace, works: ImageWorks) -> None:
    register(workspace, "cancer", model_onnx=ONNX)
    activity = build(workspace, works, BuildRequest(name="cancer-onnx", model="cancer:1", labels={"team": "a"}))

    assert (activity.state, activity.progress) == (ActivityState.SUCCEEDED, 1.0)
    assert activity.result["reference"] == "cancer-onnx:1"
    image = resolve_image(workspace, "cancer-onnx")
    assert (image.digest, image.tags, image.labels) == (activity.result["digest"], ["1", "latest"], {"team": "a"})
    works.layout.verify(image.digest)
    names = [entry.annotations["org.opencontainers.image.ref.name"] for entry in works.layout.index().manifests]
    assert names == ["cancer-onnx:1", "cancer-onnx:latest"]


def test_an_image_may_be_built_into_a_folder(workspace: Workspace, works: ImageWorks) -> None:
    register(workspace, "cancer", model_onnx=ONNX)
    activity = build(workspace, works, BuildRequest(name="team/cancer/onnx", model="cancer:1"))
    assert activity.result["reference"] == "team/cancer/onnx:1"
    assert resolve_image(workspace, "team/cancer/onnx").digest == activity.result["digest"]


def test_the_log_tells_what_happened_in_order(workspace: Workspace, works: ImageWorks) -> None:
    register(workspace, "cancer", model_onnx=ONNX)
    activity = build(workspace, works, BuildRequest(name="cancer-onnx", model="azureml:cancer@latest"))

    assert [" ".join(line.split()[:2]) for line in activity.log] == [
        "building cancer-onnx",
        "model cancer:1:",
        "resolving them",
        "locked 1",
        "layer scoring:",
        "layer environment:",
        "layer model:",
        "layer model:",
        "signed with",
        "built cancer-onnx:1",
    ]


def test_the_same_again_is_the_same_image(workspace: Workspace, works: ImageWorks) -> None:
    register(workspace, "cancer", model_onnx=ONNX)
    request = BuildRequest(name="cancer-onnx", model="cancer:1")

    assert build(workspace, works, request).result == build(workspace, works, request).result
    assert len(list_images(workspace)) == 1


def test_a_script_brings_its_folder_and_requirements(workspace: Workspace, works: ImageWorks) -> None:
    register(workspace, "cancer", model_joblib=b"pickle")
    code = upload(workspace, entry_of_bytes("score.py", SCRIPT), entry_of_bytes("lib/x.py", b""))
    request = BuildRequest(
        name="cancer-gbm",
        model="cancer:1",
        code_digest=code,
        scoring_script="score.py",
        environment=EnvironmentRequest(requirements="scikit-learn==1.5.2  # ours\n", python_version="3.12"),
    )
    activity = build(workspace, works, request)

    assert activity.state is ActivityState.SUCCEEDED, activity.message
    assert isinstance(works.locks, KnownLocks)
    (asked,) = works.locks.asked
    assert (asked[0], asked[2]) == (["scikit-learn==1.5.2"], "3.12")
    assert resolve_image(workspace, "cancer-gbm:1").config.python == "3.12"


@pytest.mark.parametrize(
    ("requirements", "script", "message"),
    [
        ("broken==1", SCRIPT, "the requirements cannot be resolved: there is no broken==1"),
        ("", b"def init(: ...", r"score.py, line 1: "),
        ("", b"def init(): ...", "score.py does not define run()"),
        ("fault==1", SCRIPT, "the build broke off because of a fault of the registry's: its log says more"),
    ],
)
def test_a_build_that_fails_says_why_and_leaves_no_image(
    workspace: Workspace, works: ImageWorks, requirements: str, script: bytes, message: str
) -> None:
    register(workspace, "cancer", model_joblib=b"pickle")
    code = upload(workspace, entry_of_bytes("score.py", script))
    request = BuildRequest(
        name="gbm",
        model="cancer:1",
        code_digest=code,
        scoring_script="score.py",
        environment=EnvironmentRequest(requirements=requirements),
    )
    activity = build(workspace, works, request)

    assert activity.state is ActivityState.FAILED
    assert activity.message.startswith(message)
    assert activity.log[-1] == activity.message
    assert list_images(workspace) == []
    assert blobs_of(works) == []


def test_what_is_no_onnx_makes_no_image_and_leaves_no_blob(workspace: Workspace, works: ImageWorks) -> None:
    register(workspace, "cancer", model_onnx=b"PK a zip")
    activity = build(workspace, works, BuildRequest(name="cancer-onnx", model="cancer:1"))

    assert (activity.state, blobs_of(works)) == (ActivityState.FAILED, [])
    assert activity.message.startswith("model.onnx is not an ONNX model: ")


def test_a_model_without_onnx_or_script_says_what_to_do(workspace: Workspace, works: ImageWorks) -> None:
    register(workspace, "cancer", model_joblib=b"pickle")
    activity = build(workspace, works, BuildRequest(name="gbm", model="cancer:1"))

    assert activity.state is ActivityState.FAILED
    assert "give a code_configuration with a scoring_script" in activity.message


@pytest.mark.parametrize(
    ("request_", "error", "message"),
    [
        (BuildRequest(name="Bad Name", model="cancer:1"), InvalidInput, "image name"),
        (BuildRequest(name="ok"), InvalidInput, "an image holds a model at least"),
        (BuildRequest(name="ok", model="cancer:1", models=["cancer:1"]), InvalidInput, "not both"),
        (BuildRequest(name="ok", model="cancer"), InvalidInput, "model reference"),
        (BuildRequest(name="ok", models=["cancer:1", "other:1"]), NotFound, "no model 'other'"),
        (BuildRequest(name="ok", model="cancer:7"), NotFound, "no version 7"),
        (BuildRequest(name="ok", model="other:1"), NotFound, "no model 'other'"),
        (
            BuildRequest(name="ok", model="cancer:1", environment=EnvironmentRequest(python_version="2.7")),
            BuildFailed,
            "python is '2.7'",
        ),
        (
            BuildRequest(name="ok", model="cancer:1", environment=EnvironmentRequest(requirements="-r x")),
            BuildFailed,
            "line 1",
        ),
        (BuildRequest(name="ok", model="cancer:1", scoring_script="score.py"), InvalidInput, "code_digest"),
        (BuildRequest(name="ok", model="cancer:1", scoring_script="../s.py"), InvalidInput, "climbs"),
        (BuildRequest(name="ok", model="cancer:1", code_digest=f"sha256:{'0' * 64}"), InvalidInput, "scoring_script"),
        (
            BuildRequest(name="ok", model="cancer:1", code_digest=f"sha256:{'0' * 64}", scoring_script="s.py"),
            NotFound,
            "upload the code folder first",
        ),
    ],
)
def test_a_request_that_can_never_work_starts_nothing(
    workspace: Workspace, works: ImageWorks, request_: BuildRequest, error: type[SlipwayError], message: str
) -> None:
    register(workspace, "cancer", model_onnx=ONNX)

    with pytest.raises(error, match=message):
        start_build(workspace, works, request_)


def test_an_alias_means_the_version_it_points_at_when_the_build_begins(workspace: Workspace, works: ImageWorks) -> None:
    for _ in range(2):
        register(workspace, "cancer", model_onnx=ONNX)
    set_alias(workspace, "cancer", "champion", 1)
    build(workspace, works, BuildRequest(name="cancer-onnx", model="cancer@champion"))
    assert [model.version for model in resolve_image(workspace, "cancer-onnx").config.models] == [1]
    with pytest.raises(NotFound, match=r"no alias 'challenger' \(there is: champion\)"):
        start_build(workspace, works, BuildRequest(name="cancer-onnx", model="cancer@challenger"))


def test_a_version_whose_files_are_elsewhere_makes_no_image(workspace: Workspace, works: ImageWorks) -> None:
    create_model(workspace, "cancer", description="", tags={})
    create_version(workspace, "cancer", source="s3://bucket/model")
    with pytest.raises(BuildFailed, match=r"only its source 's3://bucket/model'.*slipway model import"):
        start_build(workspace, works, BuildRequest(name="cancer-onnx", model="cancer:1"))


def test_a_models_name_may_hold_spaces_and_accents(workspace: Workspace, works: ImageWorks) -> None:
    register(workspace, "my model ü", model_onnx=ONNX)
    activity = build(workspace, works, BuildRequest(name="cancer-onnx", model="my model ü:1"))
    assert activity.state is ActivityState.SUCCEEDED, activity.message
    image = resolve_image(workspace, "cancer-onnx")
    path = "var/azureml-app/azureml-models/my model ü/1"
    assert image.config.models[0].path == path
    layer = [one for one in image.layers if "model" in one.annotations.values()][-1]
    with tarfile.open(works.layout.path(layer.digest)) as tar:
        assert tar.getmember(path).issym()


def test_several_models_lie_side_by_side_for_a_script(workspace: Workspace, works: ImageWorks) -> None:
    register(workspace, "cancer", model_joblib=b"pickle")
    register(workspace, "scaler", scaler_joblib=b"other")
    code = upload(workspace, entry_of_bytes("score.py", SCRIPT))
    models = ["scaler:1", "cancer:1"]
    request = BuildRequest(name="both", models=models, code_digest=code, scoring_script="score.py")
    assert build(workspace, works, request).state is ActivityState.SUCCEEDED

    config = resolve_image(workspace, "both").config
    assert [model.path.removeprefix(f"{MODELS_PATH}/") for model in config.models] == ["scaler/1", "cancer/1"]
    assert config.model_dir == MODELS_PATH


@pytest.mark.parametrize(
    ("models", "message"),
    [
        (["cancer:1", "cancer:2"], "model cancer is named twice"),
        (["cancer:1", "scaler:1"], r"2 models \(cancer:1, scaler:1\) in one image need a code_configuration"),
    ],
)
def test_models_that_cannot_be_together_make_no_image(
    workspace: Workspace, works: ImageWorks, models: list[str], message: str
) -> None:
    for name in ("cancer", "cancer", "scaler"):
        register(workspace, name, model_onnx=ONNX)
    activity = build(workspace, works, BuildRequest(name="both", models=models))

    assert activity.state is ActivityState.FAILED
    assert re.match(message, activity.message)


def test_a_model_whose_file_is_gone_makes_no_image_and_leaves_no_layer(workspace: Workspace, works: ImageWorks) -> None:
    create_model(workspace, "cancer", description="", tags={})
    here = workspace.blobs.put(b"x" * LARGE_BYTES)
    files = [
        ModelFile(path="a.bin", sha256=here.digest.removeprefix("sha256:"), size=here.size),
        ModelFile(path="b.bin", sha256="0" * 64, size=7),
    ]
    with workspace.metadata.write() as tx:
        version = ModelVersion(name="cancer", version=1, run_id=None, path="", files=files, created_ms=1)
        model_versions.insert(tx, version)
    code = upload(workspace, entry_of_bytes("score.py", SCRIPT))
    request = BuildRequest(name="gbm", model="cancer:1", code_digest=code, scoring_script="score.py")
    activity = build(workspace, works, request)

    assert (activity.state, activity.message) == (ActivityState.FAILED, f"there is no blob sha256:{'0' * 64}")
    assert blobs_of(works) == []


def test_works_are_opened_in_a_folder(tmp_path: Path) -> None:
    works = open_image_works(tmp_path / "images")

    assert (tmp_path / "images/oci-layout").exists()
    assert works.architecture in ("amd64", "arm64")


def sample(workspace: Workspace, body: bytes = b'{"data": [[1]]}', **fields: Any) -> SampleRequest:
    return SampleRequest(name="rows.json", digest=workspace.blobs.put(body).digest, **fields)


def rehearsals(works: ImageWorks) -> KnownRehearsals:
    assert isinstance(works.rehearsals, KnownRehearsals)
    return works.rehearsals


def test_samples_are_part_of_the_image_and_their_answers_are_attached_to_it(
    workspace: Workspace, works: ImageWorks
) -> None:
    register(workspace, "cancer", model_onnx=ONNX)
    request = BuildRequest(name="cancer-onnx", model="cancer:1", sample_requests=[sample(workspace)])
    activity = build(workspace, works, request)

    assert activity.state is ActivityState.SUCCEEDED, activity.message
    image = resolve_image(workspace, "cancer-onnx")
    (described,) = image.config.samples
    assert (described.name, described.path) == ("rows.json", "opt/slipway/samples/0/rows.json")
    layer = next(one for one in image.layers if "samples" in one.annotations.values())
    with tarfile.open(works.layout.path(layer.digest)) as tar:
        content = tar.extractfile(described.path)
        assert content is not None
        assert content.read() == b'{"data": [[1]]}'
    assert [answer.body for answer in get_golden(workspace, works, "cancer-onnx").answers] == [b"[0.5]"]
    assert len(referrers(workspace, "cancer-onnx", image.digest, GOLDEN_TYPE)) == 1


def test_the_same_image_is_not_rehearsed_again(workspace: Workspace, works: ImageWorks) -> None:
    register(workspace, "cancer", model_onnx=ONNX)
    request = BuildRequest(name="cancer-onnx", model="cancer:1", sample_requests=[sample(workspace)])
    first, second = build(workspace, works, request), build(workspace, works, request)
    assert first.result == second.result
    assert rehearsals(works).asked == [first.result["digest"]]


def test_answers_that_somebody_pushed_neither_stand_for_a_rehearsal_nor_are_signed(
    workspace: Workspace, works: ImageWorks
) -> None:
    register(workspace, "cancer", model_onnx=ONNX)
    request = BuildRequest(name="mine", model="cancer:1", sample_requests=[sample(workspace)])
    digest = build(workspace, works, request).result["digest"]
    planted = GoldenAnswers(answers=[Answer(sample="rows.json", status=200, content_type="text/plain", body=b"666")])
    other = replace(request, name="other")
    with workspace.metadata.write() as tx:
        manifests.insert(tx, "other", digest, MANIFEST_TYPE, 1)
    for name in ("mine", "other"):
        attach(workspace, works, name, digest, GOLDEN_TYPE, msgspec.json.encode(planted))

    assert build(workspace, works, other).result["digest"] == digest
    assert rehearsals(works).asked == [digest, digest]
    build(workspace, works, request)
    assert rehearsals(works).asked == [digest, digest], "its own signature names the answers of the first rehearsal"
    for name in ("mine", "other"):
        assert [answer.body for answer in get_golden(workspace, works, name).answers] == [b"[0.5]"]
        assert signature_fault(workspace, works, resolve_image(workspace, name)) == ""


def test_an_image_whose_samples_are_not_answered_is_not_stored(workspace: Workspace, works: ImageWorks) -> None:
    register(workspace, "cancer", model_onnx=ONNX)
    rehearsals(works).refusal = "sample rows.json at /score was answered with 500: ValueError: no (score.py:3)"
    request = BuildRequest(name="cancer-onnx", model="cancer:1", sample_requests=[sample(workspace)])
    activity = build(workspace, works, request)

    assert (activity.state, activity.message) == (ActivityState.FAILED, rehearsals(works).refusal)
    assert list_images(workspace) == []
    (digest,) = rehearsals(works).asked
    with pytest.raises(NotFound):
        works.layout.path(digest)


def test_an_image_without_samples_has_no_answers(workspace: Workspace, works: ImageWorks) -> None:
    register(workspace, "cancer", model_onnx=ONNX)
    build(workspace, works, BuildRequest(name="cancer-onnx", model="cancer:1"))
    assert rehearsals(works).asked == []
    assert get_golden(workspace, works, "cancer-onnx").answers == []


def test_samples_that_no_image_can_carry_start_nothing(workspace: Workspace, works: ImageWorks) -> None:
    register(workspace, "cancer", model_onnx=ONNX)
    one = sample(workspace)
    wrong: dict[str, tuple[list[SampleRequest], type[SlipwayError]]] = {
        r"\$\.sample_requests: 17 samples are more than the 16": ([one] * (MAX_SAMPLES + 1), InvalidInput),
        r"\[0\]: rows.json has 1,048,577 bytes": ([sample(workspace, bytes(MAX_SAMPLE_BYTES + 1))], InvalidInput),
        "is no file's name": ([replace(one, name="a/b")], InvalidInput),
        "climbs": ([replace(one, name="..")], InvalidInput),
        "is no content type": ([replace(one, content_type="text/plain\r\nx: y")], InvalidInput),
        "binary tensors go to /infer": ([replace(one, content_type="application/octet-stream")], InvalidInput),
        "upload rows.json first": ([replace(one, digest=f"sha256:{'0' * 64}")], NotFound),
    }
    for message, (samples, kind) in wrong.items():
        with pytest.raises(kind, match=message):
            start_build(workspace, works, BuildRequest(name="ok", model="cancer:1", sample_requests=samples))


def test_an_image_of_kind_docker_says_how_it_runs_as_a_container(workspace: Workspace, works: ImageWorks) -> None:
    register(workspace, "cancer", model_onnx=ONNX)
    settings = ContainerSettings(base="oci:base", port=8080, user="scorer")
    build(workspace, works, BuildRequest(name="net", kind=ImageKind.DOCKER, model="cancer:1", docker=settings))
    build(workspace, works, BuildRequest(name="plain", model="cancer:1"))

    net, plain = resolve_image(workspace, "net"), resolve_image(workspace, "plain")
    assert (net.config.kind, net.config.docker) == (ImageKind.DOCKER, settings)
    assert (plain.config.kind, plain.config.docker) == (ImageKind.SCORING, None)
    assert net.layers == plain.layers


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        (ImageKind.SCORING, ContainerSettings(), r"\$\.docker: these are settings of an image of kind docker"),
        (ImageKind.DOCKER, ContainerSettings(port=0), r"\$\.docker\.port: 0 is no port"),
        (ImageKind.DOCKER, ContainerSettings(port=5002), r"\$\.docker\.grpc_port: 5002 is the HTTP port already"),
        (ImageKind.DOCKER, ContainerSettings(base="docker://x"), r"\$\.docker\.base: .*did you mean registry:x\?"),
        (ImageKind.DOCKER, ContainerSettings(user="root"), "does not run as root"),
        (ImageKind.DOCKER, ContainerSettings(user="0:0"), "does not run as root"),
        (ImageKind.DOCKER, ContainerSettings(user="a b"), "'a b' is no user"),
    ],
)
def test_settings_that_no_container_can_have_start_nothing(
    workspace: Workspace, works: ImageWorks, kind: ImageKind, settings: ContainerSettings, message: str
) -> None:
    register(workspace, "cancer", model_onnx=ONNX)
    with pytest.raises(InvalidInput, match=message):
        start_build(workspace, works, BuildRequest(name="net", kind=kind, model="cancer:1", docker=settings))


def accelerated(workspace: Workspace, rows: bytes = b"1,2\n", **changes: Any) -> BuildRequest:
    """Register a model whose weights lie in a second file, and ask for its acceleration."""
    register(workspace, "net", model_onnx=ONNX, weights_bin=b"weights", card_md=b"# Net")
    digest = workspace.blobs.put(rows).digest
    asked = AccelerationRequest(data="rows.csv", digest=digest, max_accuracy_drop=0.2, require=[CPU])
    return BuildRequest(
        name="net-fast", kind=ImageKind.ACCELERATED, model="net:1", acceleration=replace(asked, **changes)
    )


def test_an_accelerated_image_holds_the_quantised_model_and_what_it_was_made_of(
    workspace: Workspace, works: ImageWorks
) -> None:
    activity = build(workspace, works, accelerated(workspace, label="target"))

    assert activity.state is ActivityState.SUCCEEDED, activity.message
    assert "quantising 1,2\n" in activity.log
    image = resolve_image(workspace, "net-fast")
    made = image.config.acceleration
    assert image.config.kind is ImageKind.ACCELERATED
    assert made is not None
    assert made.original == f"sha256:{hashlib.sha256(ONNX).hexdigest()}"
    assert made.calibration == workspace.blobs.put(b"1,2\n").digest
    assert (made.label, made.quantised.drop, made.quantised.rows) == ("target", 0.1, 3)
    assert ([provider.name for provider in made.providers], made.require) == ([CPU], [CPU])
    files: dict[str, bytes] = {}
    for layer in image.layers:
        if "model" in layer.annotations.values():
            with tarfile.open(works.layout.path(layer.digest)) as tar:
                files |= {one.name: content.read() for one in tar if one.isreg() and (content := tar.extractfile(one))}
    assert files == {"opt/slipway/models/0/model.onnx": ONNX + b"\x42\x01q", "opt/slipway/models/0/card.md": b"# Net"}


def test_a_model_is_quantised_once_for_the_same_rows_and_again_when_its_layer_is_gone(
    workspace: Workspace, works: ImageWorks
) -> None:
    request = accelerated(workspace)
    first, second = build(workspace, works, request), build(workspace, works, request)
    assert second.result == first.result
    assert [line for line in second.log if line.startswith("quantis")] == [
        "quantised before: accuracy 1.0000 before, 0.9000 after, a drop of 0.1000"
    ]
    for layer in resolve_image(workspace, "net-fast").layers:
        works.layout.remove(layer.digest)
    third = build(workspace, works, request)
    assert third.result == first.result
    assert "quantising 1,2\n" in third.log
    works.layout.verify(third.result["digest"])

    stricter = replace(request.acceleration, max_accuracy_drop=0.0) if request.acceleration else None
    assert build(workspace, works, replace(request, acceleration=stricter)).state is ActivityState.FAILED


def test_a_model_that_loses_too_much_makes_no_image(workspace: Workspace, works: ImageWorks) -> None:
    activity = build(workspace, works, accelerated(workspace, max_accuracy_drop=0.0))

    assert activity.state is ActivityState.FAILED
    assert activity.message.startswith("quantising costs more than max_accuracy_drop allows: a drop of 0.1")
    assert list_images(workspace) == []
    assert blobs_of(works) == []


def test_rows_may_be_a_dataset(workspace: Workspace, works: ImageWorks) -> None:
    rows = workspace.blobs.put(b"3,4\n").digest
    create_dataset(workspace, "rows", NewDatasetVersion(files=[ImportedFile(path="a/rows.csv", digest=rows)]))
    request = accelerated(workspace, data="azureml:rows:1", digest=None)
    activity = build(workspace, works, request)

    assert activity.state is ActivityState.SUCCEEDED, activity.message
    made = resolve_image(workspace, "net-fast").config.acceleration
    assert made is not None
    assert made.calibration == rows


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"digest": f"sha256:{'0' * 64}"}, NotFound, "upload the calibration rows first"),
        ({"data": "rows.xlsx"}, InvalidInput, r"'rows\.xlsx' is no \.npy, \.csv or \.json file"),
        ({"data": "runs:/nobody/rows.npy", "digest": None}, NotFound, "nobody"),
        ({"data": "azureml:rows:1", "digest": None}, NotFound, "there is no dataset 'rows'"),
        ({"data": "s3://bucket/rows.npy", "digest": None}, InvalidInput, "is no file of a run"),
        ({"require": ["CUDAExecutionProvider"]}, InvalidInput, "is not among the providers, so it is never tried"),
    ],
)
def test_an_acceleration_that_can_never_be_starts_nothing(
    workspace: Workspace, works: ImageWorks, changes: dict[str, Any], error: type[SlipwayError], message: str
) -> None:
    with pytest.raises(error, match=message):
        start_build(workspace, works, accelerated(workspace, **changes))


def test_a_script_or_no_rows_make_no_accelerated_image(workspace: Workspace, works: ImageWorks) -> None:
    request = accelerated(workspace)
    with pytest.raises(InvalidInput, match="an accelerated image is calibrated with rows"):
        start_build(workspace, works, replace(request, acceleration=None))
    with pytest.raises(InvalidInput, match="write kind: accelerated, not scoring"):
        start_build(workspace, works, replace(request, kind=ImageKind.SCORING))
    code = upload(workspace, entry_of_bytes("score.py", SCRIPT))
    activity = build(workspace, works, replace(request, code_digest=code, scoring_script="score.py"))
    assert activity.message.startswith("an accelerated image is an ONNX model that onnxruntime serves by itself")
