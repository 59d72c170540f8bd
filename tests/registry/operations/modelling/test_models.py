import pytest

from registry.core.errors import InvalidInput, NotFound
from registry.core.modelling.models import ModelFile
from registry.core.tracking.runs import Experiment, LifecycleStage, Run, RunStatus
from registry.operations.modelling.model_versions import register_version
from registry.operations.modelling.models import get_model, get_version, list_models
from registry.operations.workspace import Workspace
from registry.store.tracking import artifacts, experiments, runs


def file(path: str) -> ModelFile:
    return ModelFile(path=path, sha256="a" * 64, size=3)


@pytest.fixture(autouse=True)
def run(workspace: Workspace) -> None:
    with workspace.metadata.write() as tx:
        experiments.insert(
            tx,
            Experiment(
                id=9,
                name="trees",
                artifact_location="mlflow-artifacts:/9",
                lifecycle_stage=LifecycleStage.ACTIVE,
                created_ms=1,
                updated_ms=1,
            ),
        )
        runs.put(
            tx,
            Run(
                id="r1",
                experiment_id=9,
                name="first",
                user_id="ada",
                status=RunStatus.RUNNING,
                lifecycle_stage=LifecycleStage.ACTIVE,
                artifact_uri="mlflow-artifacts:/9/r1/artifacts",
                started_ms=1,
                ended_ms=None,
            ),
        )
        for path in ("model.onnx", "gbm/model.joblib", "gbm/deep/er.json", "gbm2/other", "out/gbm/x"):
            artifacts.put(tx, "r1", file(path))


@pytest.mark.parametrize(
    ("path", "files"),
    [
        ("model.onnx", ["model.onnx"]),
        ("gbm", ["gbm/deep/er.json", "gbm/model.joblib"]),
        ("gbm/", ["gbm/deep/er.json", "gbm/model.joblib"]),
        ("gbm/deep/er.json", ["er.json"]),
        ("out/gbm", ["gbm/x"]),
        ("", ["gbm/deep/er.json", "gbm/model.joblib", "gbm2/other", "model.onnx", "out/gbm/x"]),
    ],
)
def test_a_version_holds_what_lies_at_the_path(workspace: Workspace, path: str, files: list[str]) -> None:
    assert [one.path for one in register_version(workspace, "cancer", "r1", path).files] == files


def test_versions_count_up_and_do_not_change(workspace: Workspace) -> None:
    first = register_version(workspace, "cancer", "r1", "model.onnx", "the first")
    second = register_version(workspace, "cancer", "r1", "gbm")
    assert (first.version, second.version) == (1, 2)
    with workspace.metadata.write() as tx:
        artifacts.put(tx, "r1", ModelFile(path="model.onnx", sha256="b" * 64, size=4))
    assert get_version(workspace, "cancer", "1") == first
    assert get_version(workspace, "cancer", "latest") == second
    assert get_model(workspace, "cancer").versions == [first, second]
    assert [model.name for model in list_models(workspace)] == ["cancer"]


def test_what_does_not_exist_is_named(workspace: Workspace) -> None:
    register_version(workspace, "cancer", "r1", "gbm")
    with pytest.raises(NotFound, match="no run 'r2345': `slipway run list`"):
        register_version(workspace, "cancer", "r2345", "gbm")
    with pytest.raises(InvalidInput, match="'r2' is too short"):
        register_version(workspace, "cancer", "r2", "gbm")
    with pytest.raises(NotFound, match="no artifact at 'nothing'"):
        register_version(workspace, "other", "r1", "nothing")
    with pytest.raises(NotFound, match="no model 'other'"):
        get_model(workspace, "other")
    with pytest.raises(NotFound, match=r"no version 7 \(there is: 1\)"):
        get_version(workspace, "cancer", "7")
    with pytest.raises(NotFound, match=r"no alias 'champion' \(there is: none\)"):
        get_version(workspace, "cancer", "champion")


def test_a_path_cannot_climb(workspace: Workspace) -> None:
    with pytest.raises(InvalidInput):
        register_version(workspace, "cancer", "r1", "../secret")
