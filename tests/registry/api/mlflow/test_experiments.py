"""Experiments through MLflow's real client, and where it would not let us err, through HTTP."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from mlflow import MlflowClient
from mlflow.entities import ViewType
from mlflow.exceptions import MlflowException

V2 = "/api/2.0/mlflow"


def test_experiments_are_searched_by_filter_order_and_page(client: MlflowClient) -> None:
    for name, team in (("alpha", "a"), ("Beta", "b"), ("beta two", "b")):
        client.create_experiment(name, tags={"team": team})

    def names(*args: Any, **kwargs: Any) -> list[str]:
        return [one.name for one in client.search_experiments(*args, **kwargs)]

    assert names() == ["beta two", "Beta", "alpha", "Default"]
    assert names(filter_string="name LIKE 'beta%'") == ["beta two"]
    assert names(filter_string="name ILIKE 'beta%'", order_by=["name ASC"]) == ["Beta", "beta two"]
    assert names(filter_string="tags.team = 'b' AND name != 'Beta'") == ["beta two"]
    assert names(filter_string="tags.team IS NULL") == ["Default"]
    assert names(filter_string="experiment_id IN ('1', '2')", order_by=["experiment_id DESC"]) == ["Beta", "alpha"]
    assert names(filter_string="creation_time > 0", order_by=["last_update_time DESC"])[0] == "beta two"
    first = client.search_experiments(max_results=3)
    second = client.search_experiments(max_results=3, page_token=first.token)
    assert [one.name for one in (*first, *second)] == names()
    assert not second.token
    found = client.search_experiments(filter_string="name = 'alpha'")[0]
    assert found.tags == {"team": "a"}


def test_a_query_searches_as_a_body_does(http: httpx.Client, client: MlflowClient) -> None:
    client.create_experiment("alpha")
    asked = {
        "filter": "name = 'alpha'",
        "max_results": "5",
        "order_by": ["name", "creation_time DESC"],
        "view_type": "ALL",
    }
    found = http.get(f"{V2}/experiments/search", params=asked).json()
    assert [one["name"] for one in found["experiments"]] == ["alpha"]
    assert http.get(f"{V2}/experiments/search").json()["experiments"][0]["name"] == "alpha"
    assert http.get(f"{V2}/experiments/search", params={"max_results": "many"}).status_code == 400


def test_a_deleted_experiment_takes_its_runs_along_and_brings_back_those(client: MlflowClient) -> None:
    experiment = client.create_experiment("going")
    kept, gone = (client.create_run(experiment).info.run_id for _ in range(2))
    client.delete_run(gone)
    client.delete_experiment(experiment)
    assert client.get_experiment(experiment).lifecycle_stage == "deleted"
    assert client.get_run(kept).info.lifecycle_stage == "deleted"
    assert [one.name for one in client.search_experiments(view_type=ViewType.DELETED_ONLY)] == ["going"]
    assert [one.name for one in client.search_experiments()] == ["Default"]
    assert len(client.search_experiments(view_type=ViewType.ALL)) == 2
    client.restore_experiment(experiment)
    assert client.get_experiment(experiment).lifecycle_stage == "active"
    assert client.get_run(kept).info.lifecycle_stage == "active"
    assert client.get_run(gone).info.lifecycle_stage == "deleted"


def test_a_deleted_experiment_keeps_its_name_and_takes_nothing(client: MlflowClient) -> None:
    experiment = client.create_experiment("going")
    client.delete_experiment(experiment)
    with pytest.raises(MlflowException, match="deleted state") as caught:
        client.create_experiment("going")
    assert caught.value.error_code == "RESOURCE_ALREADY_EXISTS"
    changes: list[Callable[[], object]] = [
        lambda: client.create_run(experiment),
        lambda: client.rename_experiment(experiment, "other"),
        lambda: client.set_experiment_tag(experiment, "a", "b"),
    ]
    for change in changes:
        with pytest.raises(MlflowException, match="must be in the 'active' state") as caught:
            change()
        assert caught.value.error_code == "INVALID_PARAMETER_VALUE"
    with pytest.raises(MlflowException) as caught:
        client.delete_experiment(experiment)
    assert caught.value.error_code == "RESOURCE_DOES_NOT_EXIST"
    client.restore_experiment(experiment)
    with pytest.raises(MlflowException) as caught:
        client.restore_experiment(experiment)
    assert caught.value.error_code == "RESOURCE_DOES_NOT_EXIST"


def test_an_experiment_is_renamed(client: MlflowClient) -> None:
    experiment = client.create_experiment("before")
    client.rename_experiment(experiment, "after")
    assert client.get_experiment(experiment).name == "after"
    client.rename_experiment(experiment, "after")
    with pytest.raises(MlflowException) as caught:
        client.rename_experiment(experiment, "Default")
    assert caught.value.error_code == "RESOURCE_ALREADY_EXISTS"
    with pytest.raises(MlflowException):
        client.rename_experiment("999", "new")


def test_tags_of_an_experiment_are_set_and_deleted(client: MlflowClient) -> None:
    client.set_experiment_tag("0", "a", "1")
    client.set_experiment_tag("0", "a", "x" * 20_000)
    assert client.get_experiment("0").tags == {"a": "x" * 20_000}
    client.delete_experiment_tag("0", "a")
    assert client.get_experiment("0").tags == {}
    with pytest.raises(MlflowException, match="No tag with name: a") as caught:
        client.delete_experiment_tag("0", "a")
    assert caught.value.error_code == "RESOURCE_DOES_NOT_EXIST"


@pytest.mark.parametrize(
    ("path", "body", "says"),
    [
        ("search", {"filter": "status = 'x'"}, "experiments have no attribute 'status'"),
        ("search", {"filter": "name = x"}, "a text in quotes"),
        ("search", {"max_results": 0}, "'max_results'"),
        ("search", {"max_results": 50_001}, "'max_results'"),
        ("search", {"view_type": "SOME"}, "ACTIVE_ONLY"),
        ("search", {"page_token": "?"}, "page token"),
        ("search", {"order_by": ["metrics.a"]}, "experiments have no 'metrics'"),
        ("update", {"experiment_id": "0"}, "Missing value for required parameter 'new_name'."),
        ("update", {"experiment_id": "0", "new_name": " "}, "experiment name"),
        ("delete", {}, "Missing value for required parameter 'experiment_id'."),
        ("delete", {"experiment_id": None}, "Missing value for required parameter 'experiment_id'."),
        ("set-experiment-tag", {"experiment_id": "0"}, "Missing value for required parameter 'key'."),
        ("set-experiment-tag", {"experiment_id": "0", "key": "k" * 251}, "'key'"),
        ("set-experiment-tag", {"experiment_id": "0", "key": "k", "value": "v" * 20_001}, "20001 characters"),
        ("create", {"name": "tagged", "tags": [{"key": "../a", "value": "b"}]}, "'key'"),
    ],
)
def test_a_mistake_is_a_400_that_names_it(http: httpx.Client, path: str, body: dict[str, Any], says: str) -> None:
    response = http.post(f"{V2}/experiments/{path}", json=body)
    assert (response.status_code, response.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert says in response.json()["message"]


@pytest.mark.parametrize("path", ["delete", "restore", "update", "set-experiment-tag", "delete-experiment-tag"])
def test_an_experiment_that_is_not_there_is_a_404(http: httpx.Client, path: str) -> None:
    for experiment_id in ("77", "seven", "9" * 30, ""):
        body = {"experiment_id": experiment_id, "new_name": "n", "key": "k", "value": "v"}
        response = http.post(f"{V2}/experiments/{path}", json=body)
        assert (response.status_code, response.json()["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")


def test_datasets_of_experiments_are_listed(http: httpx.Client, run_id: str) -> None:
    dataset = {"name": "iris", "digest": "d1", "source_type": "local", "source": "{}"}
    said = {"dataset": dataset, "tags": [{"key": "mlflow.data.context", "value": "train"}]}
    assert http.post(f"{V2}/runs/log-inputs", json={"run_id": run_id, "datasets": [said]}).json() == {}
    for prefix in ("/api/2.0", "/ajax-api/2.0"):
        found = http.post(f"{prefix}/mlflow/experiments/search-datasets", json={"experiment_ids": ["0"]}).json()
        assert found == {
            "dataset_summaries": [{"experiment_id": "0", "name": "iris", "digest": "d1", "context": "train"}]
        }
