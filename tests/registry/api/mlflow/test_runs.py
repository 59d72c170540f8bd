"""Runs through MLflow's real client: found, changed, deleted, and what they used and made."""

import math
from collections.abc import Callable
from typing import Any

import httpx
import mlflow
import pytest
import sqlalchemy as sa
from mlflow import MlflowClient
from mlflow.data.http_dataset_source import HTTPDatasetSource
from mlflow.data.meta_dataset import MetaDataset
from mlflow.entities import (
    Dataset,
    DatasetInput,
    InputTag,
    LoggedModelInput,
    LoggedModelOutput,
    Metric,
    Param,
    RunTag,
    ViewType,
)
from mlflow.exceptions import MlflowException

from registry.operations.workspace import Workspace
from registry.store import schema

V2 = "/api/2.0/mlflow"
MODEL = f"m-{'a' * 32}"


def test_runs_are_searched_by_filter_order_and_page(client: MlflowClient) -> None:
    experiment = client.create_experiment("search")
    for number in range(6):
        run = client.create_run(experiment, start_time=number + 1, run_name=f"run {number}")
        if number:
            client.log_metric(run.info.run_id, "acc", math.nan if number == 1 else number / 10)
        client.log_param(run.info.run_id, "C", number % 2)
        client.set_tag(run.info.run_id, "team", "a" if number < 3 else "b")

    def names(filter: str = "", **kwargs: Any) -> list[str]:
        return [run.info.run_name[-1] for run in client.search_runs([experiment], filter, **kwargs)]

    assert names() == ["5", "4", "3", "2", "1", "0"]
    assert names("metrics.acc > 0.25") == ["5", "4", "3"]
    assert names("metrics.acc > 0.25 and params.C = '1'", order_by=["metrics.acc ASC"]) == ["3", "5"]
    assert names(order_by=["metrics.acc DESC"]) == ["5", "4", "3", "2", "1", "0"]
    assert names(order_by=["metrics.acc ASC"]) == ["2", "3", "4", "5", "1", "0"]
    assert names("tags.team = 'a' AND attributes.run_name LIKE 'run%'", order_by=["start_time ASC"]) == ["0", "1", "2"]
    assert names('run_name IN ("run 1", "run 2")') == ["2", "1"]
    assert names("tags.mlflow.runName = 'run 4'") == ["4"]
    first = client.search_runs([experiment], order_by=["metrics.acc ASC"], max_results=4)
    second = client.search_runs([experiment], order_by=["metrics.acc ASC"], max_results=4, page_token=first.token)
    assert [run.info.run_name[-1] for run in (*first, *second)] == ["2", "3", "4", "5", "1", "0"]
    assert not second.token
    with pytest.raises(MlflowException, match="compared with a text in quotes") as caught:
        names("params.C = 1")
    assert caught.value.error_code == "INVALID_PARAMETER_VALUE"


def test_the_fluent_search_looks_in_every_experiment(url: str, client: MlflowClient, run_id: str) -> None:
    client.log_metric(run_id, "acc", 0.5)
    mlflow.set_tracking_uri(url)
    try:
        found = mlflow.search_runs(search_all_experiments=True, filter_string="metrics.acc = 0.5", output_format="list")
    finally:
        mlflow.set_tracking_uri(None)
    assert [run.info.run_id for run in found] == [run_id]


def test_a_deleted_run_is_hidden_takes_nothing_and_comes_back(client: MlflowClient, run_id: str) -> None:
    client.set_tag(run_id, "a", "b")
    client.delete_run(run_id)
    client.delete_run(run_id)
    assert client.search_runs(["0"]) == []
    assert [run.info.run_id for run in client.search_runs(["0"], run_view_type=ViewType.DELETED_ONLY)] == [run_id]
    assert [run.info.run_id for run in client.search_runs(["0"], run_view_type=ViewType.ALL)] == [run_id]
    changes: list[Callable[[], object]] = [
        lambda: client.log_metric(run_id, "m", 1),
        lambda: client.log_param(run_id, "p", 1),
        lambda: client.set_tag(run_id, "t", 1),
        lambda: client.delete_tag(run_id, "a"),
        lambda: client.log_batch(run_id, params=[Param("p", "1")]),
        lambda: client.update_run(run_id, "FINISHED"),
        lambda: client.log_inputs(run_id, models=[LoggedModelInput(MODEL)]),
        lambda: client.log_outputs(run_id, [LoggedModelOutput(MODEL, 0)]),
    ]
    for change in changes:
        with pytest.raises(MlflowException, match="must be in the 'active' state") as caught:
            change()
        assert caught.value.error_code == "INVALID_PARAMETER_VALUE"
    client.restore_run(run_id)
    client.delete_tag(run_id, "a")
    assert client.get_run(run_id).info.lifecycle_stage == "active"
    assert "a" not in client.get_run(run_id).data.tags
    with pytest.raises(MlflowException, match="No tag with name: a") as caught:
        client.delete_tag(run_id, "a")
    assert caught.value.error_code == "RESOURCE_DOES_NOT_EXIST"


def test_a_runs_name_and_its_tag_are_one(client: MlflowClient, run_id: str) -> None:
    client.update_run(run_id, status="KILLED", name="by name")
    run = client.get_run(run_id)
    assert (run.info.status, run.info.run_name, run.data.tags["mlflow.runName"]) == ("KILLED", "by name", "by name")
    client.set_tag(run_id, "mlflow.runName", "by tag")
    assert client.get_run(run_id).info.run_name == "by tag"
    client.log_batch(run_id, tags=[RunTag("mlflow.runName", "by batch")])
    assert client.search_runs(["0"], "run_name = 'by batch'")[0].info.run_id == run_id
    with pytest.raises(MlflowException, match="different values") as caught:
        client.create_run("0", run_name="one", tags={"mlflow.runName": "other"})
    assert caught.value.error_code == "INVALID_PARAMETER_VALUE"


def test_a_history_longer_than_a_page_comes_whole(client: MlflowClient, run_id: str, workspace: Workspace) -> None:
    rows = [
        {"run_id": run_id, "key": "loss", "step": step, "timestamp_ms": step, "value": step / 2, "is_nan": step == 7}
        for step in range(25_010)
    ]
    with workspace.metadata.write() as tx:
        tx.execute(sa.insert(schema.metrics), rows)
    history = client.get_metric_history(run_id, "loss")
    assert [point.step for point in history] == list(range(25_010))
    assert (history[3].value, history[3].timestamp, math.isnan(history[7].value)) == (1.5, 3, True)
    assert client.get_metric_history(run_id, "other") == []
    with pytest.raises(MlflowException) as caught:
        client.get_metric_history("0" * 32, "loss")
    assert caught.value.error_code == "RESOURCE_DOES_NOT_EXIST"


def test_what_a_run_used_and_made_comes_with_it(client: MlflowClient, run_id: str) -> None:
    dataset = Dataset("iris", "d1", "local", '{"uri": "x"}', schema='{"a": 1}', profile='{"rows": 3}')
    used = DatasetInput(dataset, [InputTag("mlflow.data.context", "train")])
    client.log_inputs(run_id, [used], [LoggedModelInput(MODEL)])
    client.log_inputs(run_id, [used])
    client.log_outputs(run_id, [LoggedModelOutput(MODEL, 3), LoggedModelOutput("m-other", 4)])
    client.log_outputs(run_id, [LoggedModelOutput(MODEL, 5)])
    (found,) = client.search_runs(["0"], "dataset.name = 'iris' AND dataset.context = 'train'")
    for run in (client.get_run(run_id), found):
        (one,) = run.inputs.dataset_inputs
        assert one.to_dictionary() == used.to_dictionary()
        assert [model.model_id for model in run.inputs.model_inputs] == [MODEL]
        assert [(model.model_id, model.step) for model in run.outputs.model_outputs] == [("m-other", 4), (MODEL, 5)]


def test_datasets_are_logged_by_an_ordinary_script(url: str, client: MlflowClient) -> None:
    mlflow.set_tracking_uri(url)
    try:
        with mlflow.start_run(experiment_id="0") as active:
            source = HTTPDatasetSource("https://example.org/numbers.csv")
            mlflow.log_input(MetaDataset(source, name="numbers"), context="training")
    finally:
        mlflow.set_tracking_uri(None)
    (one,) = client.get_run(active.info.run_id).inputs.dataset_inputs
    assert (one.dataset.name, one.tags[0].value) == ("numbers", "training")


def test_a_point_that_measures_a_model_is_kept_with_it(client: MlflowClient, run_id: str, workspace: Workspace) -> None:
    model = {"id": MODEL, "experiment_id": 0, "name": "m", "model_type": "", "status": "READY", "status_message": ""}
    rest = {"lifecycle_stage": "active", "artifact_uri": "", "created_ms": 1, "updated_ms": 1}
    with workspace.metadata.write() as tx:
        tx.execute(sa.insert(schema.logged_models).values(**model, **rest))
    client.log_metric(run_id, "acc", 0.5, step=1, timestamp=2, model_id=MODEL, dataset_name="d", dataset_digest="x")
    point = Metric("acc", math.nan, 3, 2, model_id=MODEL)
    client.log_batch(run_id, metrics=[point, point, Metric("acc", 1, 4, 3, model_id="m-unknown")])
    with workspace.metadata.read() as tx:
        rows = tx.execute(sa.select(schema.logged_model_metrics).order_by(schema.logged_model_metrics.c.step)).all()
    assert [tuple(row) for row in rows] == [
        (MODEL, "acc", run_id, 1, 2, 0.5, False, "d", "x"),
        (MODEL, "acc", run_id, 2, 3, 0.0, True, "", ""),
    ]
    assert client.get_run(run_id).data.metrics == {"acc": 1.0}


def test_a_runs_files_are_listed_by_its_id(http: httpx.Client, client: MlflowClient, run_id: str) -> None:
    client.log_text(run_id, "abc", "model/data/a.txt")
    client.log_text(run_id, "x", "model/model")
    root = client.get_run(run_id).info.artifact_uri

    def listed(path: str) -> object:
        return http.get(f"{V2}/artifacts/list", params={"run_id": run_id, "path": path}).json()

    assert listed("") == {"root_uri": root, "files": [{"path": "model", "is_dir": True}]}
    data, model = {"path": "model/data", "is_dir": True}, {"path": "model/model", "is_dir": False, "file_size": 1}
    assert listed("model") == {"root_uri": root, "files": [data, model]}
    assert listed("model/model") == {"root_uri": root, "files": []}
    for path in ("../x", "a//b", "/etc"):
        response = http.get(f"{V2}/artifacts/list", params={"run_id": run_id, "path": path})
        assert (response.status_code, response.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert http.get(f"{V2}/artifacts/list", params={"run_id": "0" * 32}).status_code == 404
    assert http.get(f"{V2}/artifacts/list").status_code == 400
