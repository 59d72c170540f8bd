"""MLflow's real client against a real registry."""

import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.entities import Param, RunTag
from mlflow.exceptions import MlflowException

from registry.operations.modelling.model_versions import register_version
from registry.operations.workspace import Workspace

SCRIPT = """
import mlflow
with mlflow.start_run(run_name="from a script"):
    mlflow.log_params({"C": 0.5, "solver": "lbfgs"})
    mlflow.log_metric("accuracy", 0.97)
    mlflow.log_text("hello", "notes/hello.txt")
"""


def test_an_ordinary_script_knows_only_a_url(client: MlflowClient, url: str, tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(SCRIPT)
    environment = {"MLFLOW_TRACKING_URI": url, "MLFLOW_EXPERIMENT_NAME": "breast cancer", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, str(script)], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    experiment = client.get_experiment_by_name("breast cancer")
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id])
    assert (run.info.run_name, run.info.status) == ("from a script", "FINISHED")
    assert run.data.params == {"C": "0.5", "solver": "lbfgs"}
    assert run.data.metrics == {"accuracy": 0.97}
    assert run.data.tags["mlflow.source.name"] == str(script)
    assert [file.path for file in client.list_artifacts(run.info.run_id)] == ["notes"]


def test_the_fluent_api_runs_from_start_to_end(url: str, tmp_path: Path) -> None:
    mlflow.set_tracking_uri(url)
    try:
        mlflow.set_experiment("trees")
        with mlflow.start_run(tags={"team": "alpha"}) as active:
            mlflow.set_tags({"a": "1", "b": "2"})
            mlflow.log_metrics({"loss": 0.5}, step=1)
            mlflow.log_dict({"x": 1}, "config.json")
        mlflow.set_experiment("trees")  # finds what is there
        run = mlflow.get_run(active.info.run_id)
        assert mlflow.artifacts.load_dict(f"{run.info.artifact_uri}/config.json") == {"x": 1}
    finally:
        mlflow.set_tracking_uri(None)
    assert (run.info.status, run.data.tags["team"], run.data.tags["b"]) == ("FINISHED", "alpha", "2")
    assert run.info.end_time >= run.info.start_time


def test_a_run_that_raises_is_failed(url: str) -> None:
    mlflow.set_tracking_uri(url)
    try:
        with pytest.raises(RuntimeError), mlflow.start_run(experiment_id="0") as active:
            raise RuntimeError
        assert mlflow.get_run(active.info.run_id).info.status == "FAILED"
    finally:
        mlflow.set_tracking_uri(None)


def test_a_metric_shows_its_latest_point(client: MlflowClient, run_id: str) -> None:
    for step, value in ((2, 0.2), (1, 0.9), (3, 0.1), (3, 0.1)):
        client.log_metric(run_id, "loss", value, timestamp=5, step=step)
    client.log_metric(run_id, "acc", 0.5)
    assert client.get_run(run_id).data.metrics == {"loss": 0.1, "acc": 0.5}


@pytest.mark.parametrize(
    ("logged", "shown"), [(math.inf, 1.7976931348623157e308), (-math.inf, -1.7976931348623157e308), (1e-320, 1e-320)]
)
def test_numbers_at_the_edges_stay_numbers(client: MlflowClient, run_id: str, logged: float, shown: float) -> None:
    client.log_metric(run_id, "m", logged)
    assert client.get_run(run_id).data.metrics["m"] == shown


def test_nan_stays_nan(client: MlflowClient, run_id: str) -> None:
    client.log_metric(run_id, "m", math.nan, step=1)
    client.log_metric(run_id, "m", math.nan, step=1)
    assert math.isnan(client.get_run(run_id).data.metrics["m"])


def test_a_param_never_changes(client: MlflowClient, run_id: str) -> None:
    client.log_param(run_id, "C", 1)
    client.log_param(run_id, "C", 1)
    with pytest.raises(MlflowException, match="Changing param values is not allowed") as caught:
        client.log_param(run_id, "C", 2)
    assert caught.value.error_code == "INVALID_PARAMETER_VALUE"


def test_artifacts_go_up_are_listed_and_come_down(client: MlflowClient, run_id: str, tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "deep" / "er").mkdir(parents=True)
    (source / "model.onnx").write_bytes(b"x" * (3 << 20))
    (source / "deep" / "er" / "name with spaces + 100 % ü.txt").write_text("grüße")
    (source / "empty").write_bytes(b"")
    client.log_artifacts(run_id, str(source), "out")
    client.log_artifact(run_id, str(source / "model.onnx"))
    listed = {file.path: (file.is_dir, file.file_size) for file in client.list_artifacts(run_id, "out")}
    assert listed == {"out/deep": (True, None), "out/empty": (False, 0), "out/model.onnx": (False, 3 << 20)}
    assert client.list_artifacts(run_id, "out/model.onnx") == []
    assert client.list_artifacts(run_id, "nothing") == []
    down = Path(client.download_artifacts(run_id, "out", str(tmp_path)))
    for path in ("model.onnx", "empty", "deep/er/name with spaces + 100 % ü.txt"):
        assert (down / path).read_bytes() == (source / path).read_bytes()


def test_a_file_logged_again_is_replaced_but_not_in_a_registered_version(
    client: MlflowClient, run_id: str, workspace: Workspace
) -> None:
    client.log_text(run_id, "first", "model/a.txt")
    version = register_version(workspace, "cancer", run_id, "model")
    client.log_text(run_id, "second", "model/a.txt")
    assert [file.path for file in client.list_artifacts(run_id, "model")] == ["model/a.txt"]
    assert workspace.blobs.get(f"sha256:{version.files[0].sha256}") == b"first"


def test_runs_are_found_page_by_page_the_newest_first(client: MlflowClient) -> None:
    experiment = client.create_experiment("pages")
    made = [client.create_run(experiment, start_time=time).info.run_id for time in range(1, 6)]
    first = client.search_runs([experiment], max_results=3)
    second = client.search_runs([experiment], max_results=3, page_token=first.token)
    assert [run.info.run_id for run in [*first, *second]] == made[::-1]
    assert not second.token


def test_what_does_not_exist_is_told_in_mlflows_words(client: MlflowClient, run_id: str) -> None:
    assert client.get_experiment_by_name("nothing") is None
    with pytest.raises(MlflowException) as caught:
        client.get_run("0" * 32)
    assert caught.value.error_code == "RESOURCE_DOES_NOT_EXIST"
    with pytest.raises(MlflowException, match="already exists") as caught:
        client.create_experiment("Default")
    assert caught.value.error_code == "RESOURCE_ALREADY_EXISTS"
    with pytest.raises(MlflowException):
        client.download_artifacts(run_id, "nothing")


def test_batches_keep_mlflows_limits(client: MlflowClient, run_id: str) -> None:
    with pytest.raises(MlflowException):
        client.set_tag(run_id, "a/../b", "x")
    with pytest.raises(MlflowException):
        client.set_tag(run_id, "k" * 251, "x")


def test_long_values_are_cut_and_fail_no_training(client: MlflowClient, run_id: str) -> None:
    client.log_param(run_id, "param", "x" * 6001)
    client.log_param(run_id, "param", "x" * 7000)  # as it is kept, the same
    client.set_tag(run_id, "tag", "x" * 8001)
    client.log_batch(run_id, params=[Param("ü", "ü" * 6001)], tags=[RunTag("ü", "ü" * 8001)])
    data = client.get_run(run_id).data
    assert data.params == {"param": "x" * 6000, "ü": "ü" * 6000}
    assert (data.tags["tag"], data.tags["ü"]) == ("x" * 8000, "ü" * 8000)
    with pytest.raises(MlflowException, match="Changing param values"):
        client.log_param(run_id, "param", "y" * 6001)
    many = {"long": "x" * 9000, **{f"tag-{number}": "" for number in range(150)}}
    begun = client.create_run("0", run_name="n" * 300, tags=many)
    assert (begun.info.run_name, begun.data.tags["mlflow.runName"]) == ("n" * 250, "n" * 250)
    assert (len(begun.data.tags["long"]), len(begun.data.tags)) == (8000, 152)
    renames: list[Callable[[], object]] = [
        lambda: client.update_run(run_id, name="a" * 251),
        lambda: client.set_tag(run_id, "mlflow.runName", "b" * 251),
    ]
    for rename in renames:
        rename()
        assert len(client.get_run(run_id).info.run_name) == 250
    client.set_tag(run_id, "mlflow.runName", "")
    assert client.get_run(run_id).data.tags["mlflow.runName"] == "b" * 250


def test_of_a_tag_that_a_batch_has_twice_the_last_counts(client: MlflowClient, run_id: str) -> None:
    client.log_batch(run_id, tags=[RunTag("a", "1"), RunTag("a", "2")])
    assert client.get_run(run_id).data.tags["a"] == "2"


def test_what_stays_readable_whole_is_refused_when_it_is_too_long(client: MlflowClient) -> None:
    """As by MLflow's own server 3.17.2, tried value by value."""
    experiment = client.create_experiment("limits")
    client.create_registered_model("limits")
    changes: list[Callable[[], object]] = [
        lambda: client.set_experiment_tag(experiment, "k", "x" * 20_001),
        lambda: client.create_experiment("e" * 501),
        lambda: client.set_registered_model_tag("limits", "k", "x" * 100_001),
        lambda: client.set_registered_model_tag("limits", "k" * 251, "x"),
        lambda: client.set_registered_model_alias("limits", "a" * 256, "1"),
    ]
    for change in changes:
        with pytest.raises(MlflowException) as caught:
            change()
        assert caught.value.error_code == "INVALID_PARAMETER_VALUE"
    client.set_experiment_tag(experiment, "k", "x" * 20_000)
    client.set_registered_model_tag("limits", "k", "x" * 100_000)
    params = {"long": "x" * 6001}
    assert client.create_logged_model(experiment, params=params).params == params
