"""MLflow's filter grammar, noun by noun: what is expected is what ``mlflow server`` 3.17.2 answered to the same, but
for what is said to go beyond it."""

from collections.abc import Callable

import pytest
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric
from mlflow.exceptions import MlflowException

Found = Callable[[str], list[str]]


def check(found: Found, table: dict[str, list[str]]) -> None:
    """Compare the names that each filter finds."""
    assert {filter: sorted(found(filter)) for filter in table} == table


def check_refused(found: Found, *filters: str) -> None:
    for filter in filters:
        with pytest.raises(MlflowException) as caught:
            found(filter)
        assert caught.value.error_code == "INVALID_PARAMETER_VALUE", filter


def test_runs(client: MlflowClient) -> None:
    for name, start_ms, status in (("one", 1, "FINISHED"), ("Two", 2, "FAILED"), ("three", 3, "RUNNING")):
        run = client.create_run("0", run_name=name, start_time=start_ms, tags={"mlflow.user": name.upper()})
        client.log_metric(run.info.run_id, "train/loss 1", start_ms / 2)
        client.log_param(run.info.run_id, "C", name)
        if name != "three":
            context = InputTag("mlflow.data.context", "train" if name == "one" else "Test")
            dataset = Dataset(f"Iris {name}", f"d{start_ms}", "local", "x")
            client.log_inputs(run.info.run_id, [DatasetInput(dataset, [context])])
            client.set_tag(run.info.run_id, "note", "100%_x")
        if status != "RUNNING":
            client.set_terminated(run.info.run_id, status, end_time=start_ms + 10)

    def found(filter: str) -> list[str]:
        return [run.info.run_name for run in client.search_runs(["0"], filter)]

    check(
        found,
        {
            "metrics.`train/loss 1` >= 1": ["Two", "three"],
            'metric."train/loss 1" < 1.5 and metric."train/loss 1" != 1': ["one"],
            "params.C LIKE 't%'": ["three"],
            "param.C ILIKE 'T%'": ["Two", "three"],
            "parameters.C IS NULL": [],
            'parameter.C = "one"': ["one"],
            "tags.note = '100%_x'": ["Two", "one"],
            "tag.note is null": ["three"],
            "tags.mlflow.user != 'ONE'": ["Two", "three"],
            "attributes.status = 'FINISHED'": ["one"],
            "attr.status != 'FINISHED'": ["Two", "three"],
            "run.status ILIKE 'F%'": ["Two", "one"],
            f"run_id IN ('{run.info.run_id}')": ["three"],
            "user_id LIKE 'T%'": ["Two", "three"],
            "start_time > 1.5": ["Two", "three"],
            "created <= 2": ["Two", "one"],
            "end_time = 12": ["Two"],
            "dataset.name LIKE 'Iris%'": ["Two", "one"],
            "datasets.name NOT IN ('Iris one')": ["Two"],
            "dataset.digest IN ('d1', 'd9')": ["one"],
            "dataset.context ILIKE 'T%'": ["Two", "one"],
            "dataset.context != 'train'": ["Two"],
        },
    )
    beyond = {"run_name IN ('one', 'Two')": ["Two", "one"], "status NOT IN ('FAILED')": ["one", "three"]}
    check(found, beyond)
    check_refused(
        found, "params.C > '1'", "end_time IS NULL", "dataset.schema = 'x'", "(params.C = 'one')", "a.b = 'c'"
    )


def test_experiments(client: MlflowClient) -> None:
    client.create_experiment("Alpha", tags={"team": "a"})
    client.create_experiment("alpha two", tags={"team": "b"})

    def found(filter: str) -> list[str]:
        return [one.name for one in client.search_experiments(filter_string=filter)]

    check(
        found,
        {
            "name = 'Alpha'": ["Alpha"],
            "name != 'Alpha'": ["Default", "alpha two"],
            "name LIKE 'al%'": ["alpha two"],
            "name ILIKE 'al%'": ["Alpha", "alpha two"],
            "tags.team ILIKE 'B'": ["alpha two"],
            "tags.team != 'a'": ["alpha two"],
            "tags.team IS NULL": ["Default"],
            "tags.`team` IS NOT NULL": ["Alpha", "alpha two"],
            "experiment_id IN ('0', '1')": ["Alpha", "Default"],
            "experiment_id NOT IN ('0')": ["Alpha", "alpha two"],
            "creation_time > 0 AND last_update_time != 0 AND experiment_id = '2'": ["alpha two"],
        },
    )
    check_refused(found, "name > 'a'", "name IS NULL", "creation_time > 'a'", "artifact_location = 'x'", "status = 'x'")


def test_registered_models_and_their_versions(client: MlflowClient, run_id: str) -> None:
    client.log_text(run_id, "x", "model/MLmodel")
    for name, tags in (("Cancer", {"team": "a"}), ("cancer two", {"team": "B"}), ("other", {})):
        client.create_registered_model(name, tags=tags)
        client.create_model_version(name, f"runs:/{run_id}/model", run_id, tags={"v": "1"} if name == "other" else {})
    client.create_model_version("other", "models:/Cancer/1")

    def models(filter: str) -> list[str]:
        return [model.name for model in client.search_registered_models(filter)]

    def versions(filter: str) -> list[str]:
        return [f"{one.name}:{one.version}" for one in client.search_model_versions(filter)]

    check(
        models,
        {
            "name = 'Cancer'": ["Cancer"],
            "name != 'Cancer'": ["cancer two", "other"],
            "name LIKE 'c%'": ["cancer two"],
            "name ILIKE 'c%'": ["Cancer", "cancer two"],
            "name IN ('other', 'nothing')": ["other"],
            "tags.team = 'a'": ["Cancer"],
            "tags.team != 'a'": ["cancer two"],
            "tags.team ILIKE 'b'": ["cancer two"],
            "tags.team LIKE 'b'": [],
        },
    )
    check(
        versions,
        {
            "name = 'other'": ["other:1", "other:2"],
            "name ILIKE 'C%' AND version_number = 1": ["Cancer:1", "cancer two:1"],
            "name IN ('Cancer', 'cancer two')": ["Cancer:1", "cancer two:1"],
            "version_number > 1": ["other:2"],
            "version_number != 1": ["other:2"],
            f"run_id = '{run_id}'": ["Cancer:1", "cancer two:1", "other:1", "other:2"],
            f"run_id IN ('{run_id}')": ["Cancer:1", "cancer two:1", "other:1", "other:2"],
            "source_path LIKE '%model' AND tags.v = '1'": ["other:1"],
            "source_path ILIKE '%MODEL' AND version_number < 2": ["Cancer:1", "cancer two:1", "other:1"],
            "tags.v != '2'": ["other:1"],
        },
    )
    check_refused(models, "name > 'a'", "description = 'd'", "tags.team IN ('a')", "name = 'a' OR name = 'b'")
    check_refused(versions, "name > 'a'", "version_number IN (1)", "current_stage = 'None'", "version = 1")


def test_logged_models(client: MlflowClient, run_id: str) -> None:
    ids = {}
    for number, kind in enumerate(("tree", "Forest", "net")):
        params, tags = {"lr": f"0.{number}"}, {"k": f"v{number}"} if number else {}
        model = client.create_logged_model("0", kind, run_id, tags, params, model_type=kind)
        on = {"dataset_name": "iris", "dataset_digest": "d1"} if number < 2 else {}
        metric = Metric("auc", number / 10, 5, 0, model_id=model.model_id, run_id=run_id, **on)
        client.log_batch(run_id, [metric])
        ids[kind] = model.model_id

    def found(filter: str) -> list[str]:
        return [model.name for model in client.search_logged_models(["0"], filter_string=filter)]

    check(
        found,
        {
            "name = 'tree'": ["tree"],
            "name ILIKE 'F%'": ["Forest"],
            "name IN ('tree', 'net')": ["net", "tree"],
            "name NOT IN ('tree', 'net')": ["Forest"],
            f"model_id = '{ids['net']}'": ["net"],
            f"model_id IN ('{ids['net']}')": ["net"],
            "model_type LIKE 'F%'": ["Forest"],
            "attributes.model_type != 'tree'": ["Forest", "net"],
            "status != 'READY'": ["Forest", "net", "tree"],
            f"source_run_id = '{run_id}' AND creation_timestamp > 0 AND last_updated_timestamp > 0 AND name = 'net'": [
                "net"
            ],
            "tags.k = 'v1'": ["Forest"],
            "tags.k LIKE 'v%'": ["Forest", "net"],
            "tags.k IN ('v1', 'v3')": ["Forest"],
            "params.lr != '0.1'": ["net", "tree"],
            "params.lr IN ('0.1', '0.2')": ["Forest", "net"],
            "metrics.auc >= 0.1 AND metrics.auc < 0.2": ["Forest"],
            "metrics.auc != 0": ["Forest", "net"],
        },
    )
    on_iris = client.search_logged_models(
        ["0"], "metrics.auc >= 0", datasets=[{"dataset_name": "iris", "dataset_digest": "d1"}]
    )
    assert sorted(model.name for model in on_iris) == ["Forest", "tree"]
    check_refused(found, "params.lr > '1'", "name > 'a'", "metrics.auc LIKE 'x'", "creation_timestamp IN (1)")
