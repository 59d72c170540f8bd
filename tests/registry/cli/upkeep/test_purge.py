"""Deleting for good, through the real doors: MLflow's client deletes, ``slipway purge`` finishes it."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from registry.operations.workspace import Workspace
from registry.store import schema

Slipway = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def ask(slipway: Slipway, url: str) -> Slipway:
    return lambda *words: slipway("purge", *words, SLIPWAY_URL=url)


@pytest.fixture
def mlflow(url: str) -> MlflowClient:
    return MlflowClient(url)


@pytest.fixture
def model_folder(tmp_path: Path) -> Path:
    """A folder of its own: the workspace's database is beside it, and grows while it is read."""
    return tmp_path / "model_to_log"


def logged_run(mlflow: MlflowClient, experiment: str) -> str:
    run = mlflow.create_run(experiment)
    mlflow.log_metric(run.info.run_id, "acc", 0.5)
    mlflow.log_param(run.info.run_id, "lr", 1)
    mlflow.log_text(run.info.run_id, "the model", "model/model.txt")
    return str(run.info.run_id)


def items(done: "subprocess.CompletedProcess[str]") -> dict[str, str]:
    return {f"{item['kind']} {item['name']}": item["refused"] for item in json.loads(done.stdout)["items"]}


def count(workspace: Workspace, table: Any) -> int:
    with workspace.metadata.read() as tx:
        return len(tx.execute(table.select()).all())


def test_nothing_goes_that_was_not_deleted(ask: Slipway, mlflow: MlflowClient) -> None:
    logged_run(mlflow, mlflow.create_experiment("trees"))
    assert "nothing was deleted" in ask().stdout
    assert items(ask("--yes", "-o", "json")) == {}


def test_a_deleted_experiment_goes_with_its_runs_and_all_they_logged(
    ask: Slipway, mlflow: MlflowClient, workspace: Workspace
) -> None:
    experiment = mlflow.create_experiment("trees")
    run = logged_run(mlflow, experiment)
    mlflow.delete_experiment(experiment)
    shown = ask()
    assert "would go" in shown.stdout
    assert "nothing was changed" in shown.stdout
    assert count(workspace, schema.runs) == 1
    assert items(ask("--older-than", "1", "-o", "json")) == {}
    assert items(ask("--yes", "-o", "json")) == {f"run {run}": "", f"experiment {experiment}": ""}
    for table in (schema.runs, schema.metrics, schema.latest_metrics, schema.params, schema.run_tags, schema.artifacts):
        assert count(workspace, table) == 0
    assert mlflow.create_experiment("trees") != ""


def test_a_run_stays_while_a_model_came_from_it_and_a_number_is_never_given_twice(
    ask: Slipway, mlflow: MlflowClient
) -> None:
    experiment = mlflow.create_experiment("trees")
    run = logged_run(mlflow, experiment)
    mlflow.create_registered_model("cancer")
    for _ in range(2):
        mlflow.create_model_version("cancer", f"runs:/{run}/model", run)
    mlflow.delete_model_version("cancer", "2")
    mlflow.delete_experiment(experiment)
    found = items(ask("--yes", "-o", "json"))
    assert found["model version cancer:2"] == ""
    assert "cancer:1 came from it" in found[f"run {run}"]
    assert "stay" in found[f"experiment {experiment}"]

    mlflow.delete_registered_model("cancer")
    assert set(items(ask("--yes", "-o", "json")).values()) == {""}
    experiment = mlflow.create_experiment("trees")
    again = logged_run(mlflow, experiment)
    mlflow.create_registered_model("cancer")
    assert mlflow.create_model_version("cancer", f"runs:/{again}/model", again).version in (3, "3")


def logged_model(mlflow: MlflowClient, experiment: str, run: str | None, folder: Path) -> str:
    model_id = str(mlflow.create_logged_model(experiment, source_run_id=run).model_id)
    folder.mkdir(exist_ok=True)
    (folder / "MLmodel").write_text("flavors: {}\n")
    mlflow.log_model_artifacts(model_id, str(folder))
    mlflow.finalize_logged_model(model_id, "READY")
    return model_id


def test_a_run_takes_the_logged_models_along_that_it_made(
    ask: Slipway, mlflow: MlflowClient, workspace: Workspace, model_folder: Path
) -> None:
    experiment = mlflow.create_experiment("trees")
    run, other = logged_run(mlflow, experiment), logged_run(mlflow, experiment)
    model, kept = (logged_model(mlflow, experiment, one, model_folder) for one in (run, other))
    mlflow.delete_run(run)
    assert items(ask("-o", "json")) == {f"logged model {model}": "", f"run {run}": ""}
    mlflow.restore_run(run)
    assert items(ask("--yes", "-o", "json")) == {}
    assert str(mlflow.get_logged_model(model).status) == "READY"

    mlflow.delete_run(run)
    assert items(ask("--yes", "-o", "json")) == {f"logged model {model}": "", f"run {run}": ""}
    assert [one.model_id for one in mlflow.search_logged_models([experiment])] == [kept]
    assert count(workspace, schema.runs) == 1


def test_a_run_stays_with_all_it_made_while_a_version_came_from_one_of_its_logged_models(
    ask: Slipway, mlflow: MlflowClient, model_folder: Path
) -> None:
    experiment = mlflow.create_experiment("trees")
    run = logged_run(mlflow, experiment)
    models = [logged_model(mlflow, experiment, run, model_folder) for _ in range(2)]
    mlflow.create_registered_model("cancer")
    mlflow.create_model_version("cancer", f"models:/{models[0]}", model_id=models[0])
    mlflow.delete_run(run)
    found = items(ask("--yes", "-o", "json"))
    assert set(found) == {f"run {run}"}
    assert "model cancer:1 came from it: `slipway model delete cancer 1` first" in found[f"run {run}"]
    mlflow.delete_model_version("cancer", "1")
    gone = {"model version cancer:1", f"run {run}", *(f"logged model {model}" for model in models)}
    assert items(ask("--yes", "-o", "json")) == dict.fromkeys(gone, "")


def test_a_deleted_experiment_takes_along_the_logged_models_that_no_run_made(
    ask: Slipway, mlflow: MlflowClient, model_folder: Path
) -> None:
    experiment = mlflow.create_experiment("trees")
    model = logged_model(mlflow, experiment, None, model_folder)
    mlflow.delete_experiment(experiment)
    assert items(ask("--yes", "-o", "json")) == {f"logged model {model}": "", f"experiment {experiment}": ""}


@pytest.mark.parametrize("days", ["-1", "nan", "1e9", "soon"])
def test_days_that_are_none_are_refused(ask: Slipway, days: str) -> None:
    assert ask("--older-than", days).returncode == 2
