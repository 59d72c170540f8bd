"""MLflow's wire rules, where its client would not let us break them."""

from typing import Any

import httpx
import pytest

V2 = "/api/2.0/mlflow"
FILES = "/api/2.0/mlflow-artifacts/artifacts"
POINT = {"key": "m", "value": 1, "timestamp": 1}


@pytest.mark.parametrize(
    ("path", "body", "says"),
    [
        ("experiments/create", {}, "Missing value for required parameter 'name'."),
        ("experiments/create", {"name": 123}, "Invalid value 123 for parameter 'name': expected `str`"),
        ("experiments/create", {"name": ["x" * 99]}, f"Invalid value [\"{'x' * 58} for parameter 'name'"),
        ("experiments/create", {"name": "n" * 501}, "1 to 500 characters"),
        (
            "experiments/create",
            {"name": "a", "tags": [{"key": "k", "value": {}}]},
            "Invalid value {} for parameter 'tags[0].value'",
        ),
        ("experiments/set-experiment-tag", {"experiment_id": "0", "key": "k", "value": "v" * 20_001}, "at most 20000"),
        ("experiments/create", {"name": "a", "artifact_location": "s3://b"}, "artifact_location"),
        ("runs/log-metric", {"run_id": "RUN", "key": "m", "timestamp": 1}, "'value'"),
        ("runs/log-metric", {"run_id": "RUN", "key": "m", "value": "many", "timestamp": 1}, "'many'"),
        ("runs/log-metric", {"run_id": "RUN", "key": "m", "value": 1, "timestamp": 1, "step": 2**63}, "step"),
        ("runs/log-metric", {"run_id": "RUN", "key": "../m", "value": 1, "timestamp": 1}, "'key'"),
        ("runs/log-batch", {"run_id": "RUN", "params": [{"key": str(i)} for i in range(101)]}, "at most 100 params"),
        ("runs/log-batch", {"run_id": "RUN", "tags": [{"key": str(i)} for i in range(101)]}, "at most 100 tags"),
        ("runs/log-batch", {"run_id": "RUN", "metrics": [POINT] * 1001}, "at most 1000 metrics"),
        (
            "runs/log-batch",
            {"run_id": "RUN", "metrics": [POINT] * 1000, "tags": [{"key": "a"}]},
            "at most 1000 entities",
        ),
        ("runs/log-parameter", {"run_id": "RUN", "key": "k" * 251}, "1 to 250 letters"),
        ("runs/log-batch", {"run_id": "RUN", "params": [{"key": "a", "value": "1"}, {"key": "a"}]}, "Duplicate"),
        ("runs/create", {"experiment_id": "0", "tags": [{"key": "a", "value": "1"}, {"key": "a"}]}, "Duplicate"),
        ("runs/create", {"experiment_id": "0", "tags": [{"key": str(i)} for i in range(1001)]}, "at most 1000 tags"),
        ("runs/log-metric", {"run_id": "RUN", "key": "m", "value": 1, "timestamp": -1}, "'timestamp'"),
        ("runs/update", {"run_id": "RUN", "status": "DREAMING"}, "status"),
        ("runs/search", {"order_by": ["metrics.m UP"]}, "order_by"),
        ("runs/search", {"filter": "metrics.m > 'a'"}, "compared with a number"),
        ("runs/search", {"run_view_type": "SOME"}, "ACTIVE_ONLY, DELETED_ONLY, ALL"),
        ("runs/search", {"max_results": 0}, "max_results"),
        ("runs/search", {"page_token": "zzz"}, "page token"),
        ("runs/search", {"filter": "params.a = '\0'"}, "NUL"),
        ("runs/search", {"filter": "start_time > 1e999 AND x"}, "no attribute 'x'"),
        ("runs/search", {"experiment_ids": [str(number) for number in range(20_001)]}, "at most 20000"),
        ("runs/create", {"user_id": "u" * 257}, "'user_id'"),
        ("runs/set-tag", {"run_id": "RUN", "key": "a", "value": "\0"}, "NUL"),
        ("runs/delete", {}, "Missing value for required parameter 'run_id'."),
        ("runs/delete-tag", {"run_id": "RUN"}, "Missing value for required parameter 'key'."),
        ("runs/log-batch", {"run_id": "RUN", "params": [{"key": "k", "value": "v" * 1_000_000}]}, "1000000 bytes"),
        ("runs/log-inputs", {"run_id": "RUN", "datasets": [{}]}, "'dataset'"),
        ("runs/log-inputs", {"run_id": "RUN", "datasets": [{"dataset": {"name": "a"}}]}, "'digest'"),
        ("runs/log-inputs", {"run_id": "RUN", "models": [{"model_id": ""}]}, "'model_id'"),
        ("runs/outputs", {"run_id": "RUN", "models": [{"model_id": "m" * 35}]}, "at most 34"),
        ("runs/search", {"max_results": 50_001}, "max_results"),
    ],
)
def test_a_mistake_is_a_400_in_mlflows_shape(
    http: httpx.Client, run_id: str, path: str, body: dict[str, Any], says: str
) -> None:
    body = {key: run_id if value == "RUN" else value for key, value in body.items()}
    response = http.post(f"{V2}/{path}", json=body)
    assert (response.status_code, response.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert says in response.json()["message"]


def test_a_number_beyond_every_column_compares(http: httpx.Client, run_id: str) -> None:
    for filter, found in (
        ("start_time < 99999999999999999999", 1),
        ("start_time > 1e999", 0),
        ("metrics.m < 1e999", 0),
        ("end_time = 9223372036854775807", 0),
    ):
        response = http.post(f"{V2}/runs/search", json={"experiment_ids": ["0", "x", "77"], "filter": filter})
        assert (response.status_code, len(response.json().get("runs", []))) == (200, found)


def test_a_field_that_is_null_was_not_sent(http: httpx.Client, run_id: str) -> None:
    body = {"run_id": run_id, "status": None, "run_name": "named", "end_time": None}
    assert http.post(f"{V2}/runs/update", json=body).json()["run_info"]["run_name"] == "named"


@pytest.mark.parametrize("path", ["delete", "restore", "delete-tag", "log-inputs", "outputs", "log-metric", "update"])
def test_a_run_that_is_not_there_is_a_404(http: httpx.Client, path: str) -> None:
    for run_id in ("0" * 32, "x" * 1000, ""):
        body = {"run_id": run_id, "key": "k", "value": 1, "timestamp": 1}
        response = http.post(f"{V2}/runs/{path}", json=body)
        assert (response.status_code, response.json()["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")


def test_a_batch_is_logged_whole_or_not_at_all(http: httpx.Client, run_id: str) -> None:
    http.post(f"{V2}/runs/log-parameter", json={"run_id": run_id, "key": "C", "value": "1"})
    batch = {
        "run_id": run_id,
        "metrics": [{"key": "m", "value": 1, "timestamp": "7", "step": "2"}],
        "params": [{"key": "C", "value": "2"}],
    }
    assert http.post(f"{V2}/runs/log-batch", json=batch).status_code == 400
    data = http.get(f"{V2}/runs/get", params={"run_id": run_id}).json()["run"]["data"]
    assert (data["metrics"], data["params"]) == ([], [{"key": "C", "value": "1"}])
    assert http.post(f"{V2}/runs/log-batch", json={**batch, "params": [], "unknown": 1}).json() == {}
    data = http.get(f"{V2}/runs/get", params={"run_id": run_id}).json()["run"]["data"]
    assert data["metrics"] == [{"key": "m", "value": 1.0, "timestamp": 7, "step": 2}]


def test_a_body_of_another_type_is_refused(http: httpx.Client) -> None:
    response = http.post(f"{V2}/runs/create", content=b"{}", headers={"content-type": "text/plain"})
    assert (response.status_code, response.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"\xff", b'{"a":' + b"[" * 100_000, b'{"max_results":1e400}', b'{"filter":"\\ud800"}'],
)
def test_a_body_that_is_no_message_is_a_400(http: httpx.Client, body: bytes) -> None:
    response = http.post(f"{V2}/runs/search", content=body, headers={"content-type": "application/json"})
    assert (response.status_code, response.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")


def test_an_unknown_call_lets_the_client_fall_back(http: httpx.Client) -> None:
    response = http.post("/api/3.0/mlflow/traces", json={})
    assert (response.status_code, response.json()["error_code"]) == (404, "ENDPOINT_NOT_FOUND")


def test_the_ui_prefix_answers_too(http: httpx.Client) -> None:
    found = http.get("/ajax-api/2.0/mlflow/experiments/get", params={"experiment_id": "0"}).json()["experiment"]
    assert (found["name"], found["artifact_location"]) == ("Default", "mlflow-artifacts:/0")
    assert http.get("/api/3.0/mlflow/server-info").json()["store_type"] == "SqlStore"


@pytest.mark.parametrize("path", ["../../etc/passwd", "0/RUN/artifacts/../../x", "0/RUN/artifacts//x", "0/RUN", "a\\b"])
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_a_path_cannot_climb_or_leave_the_run(http: httpx.Client, run_id: str, method: str, path: str) -> None:
    quoted = path.replace("RUN", run_id).replace(".", "%2e").replace("\\", "%5c")
    response = http.request(method, f"{FILES}/{quoted}")
    assert (response.status_code, response.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")


def test_a_run_is_reached_through_its_own_experiment_only(http: httpx.Client, run_id: str) -> None:
    assert http.put(f"{FILES}/0/{run_id}/artifacts/a", content=b"x").status_code == 200
    for address in (f"1/{run_id}/artifacts/a", f"0/{'0' * 32}/artifacts/a"):
        assert http.get(f"{FILES}/{address}").status_code == 404
        assert http.put(f"{FILES}/{address}", content=b"x").status_code == 404
        assert http.get(FILES, params={"path": address}).status_code == 404


def test_a_path_is_a_file_or_a_folder(http: httpx.Client, run_id: str) -> None:
    base = f"{FILES}/0/{run_id}/artifacts"
    assert http.put(f"{base}/a/b", content=b"x").status_code == 200
    assert http.put(f"{base}/a", content=b"x").status_code == 400
    assert http.put(f"{base}/a/b/c", content=b"x").status_code == 400
    assert http.put(f"{base}/a/b", content=b"y").status_code == 200
    assert http.get(f"{base}/a/b").content == b"y"


def test_a_download_is_never_a_page_of_the_registry(http: httpx.Client, run_id: str) -> None:
    http.put(f"{FILES}/0/{run_id}/artifacts/x.html", content=b"<script>")
    headers = http.get(f"{FILES}/0/{run_id}/artifacts/x.html").headers
    assert headers["content-disposition"] == "attachment; filename=x.html"
    assert headers["x-content-type-options"] == "nosniff"
