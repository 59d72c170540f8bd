import re
import tarfile
from pathlib import Path

import pytest

from registry.core.activities import ActivityKind, ActivityState
from registry.core.errors import BuildFailed, InvalidInput, NotFound, SlipwayError, Unavailable
from registry.core.imaging.environments import EnvironmentRequest
from registry.core.imaging.images import MODELS_PATH, BuildRequest
from registry.core.modelling.models import ModelFile, ModelVersion
from registry.images.layers.base import LARGE_BYTES
from registry.images.pack import entry_of_bytes
from registry.operations.activities import MAX_RUNNING, begin_activity, end_activity
from registry.operations.imaging.catalog import list_images, resolve_image
from registry.operations.imaging.image_works import ImageWorks, open_image_works
from registry.operations.imaging.images import start_build
from registry.operations.modelling.model_labels import set_alias
from registry.operations.modelling.model_versions import create_version
from registry.operations.modelling.models import create_model
from registry.operations.workspace import Workspace
from registry.store.modelling import model_versions
from tests.registry.operations.imaging.building import ONNX, SCRIPT, KnownLocks, blobs_of, build, register, upload


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
