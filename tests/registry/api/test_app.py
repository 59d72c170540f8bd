"""What every call of the workspace API has in common, and one life of an endpoint through its doors."""

import hashlib
import json
import re
import threading
from typing import Any

import httpx
import pytest

from registry.api.app import ROUTES
from registry.core.imaging.images import Image
from registry.operations.activities import report_progress
from registry.operations.deploying.desired import get_desired_state
from registry.operations.workspace import Workspace

V1 = "/api/v1"
BLUE = {"environment": {"image": "cancer-onnx:1"}}


def error_of(response: httpx.Response) -> dict[str, Any]:
    body: dict[str, Any] = response.json()["error"]
    return body


def test_the_registry_says_that_it_is_up(http: httpx.Client) -> None:
    assert http.get("/health").json() == {"status": "ok"}
    assert re.match(r"\d+\.\d+", http.get("/version").text)


def test_the_openapi_document_has_every_route_with_its_records(http: httpx.Client) -> None:
    document = http.get(f"{V1}/openapi.json").json()
    assert document["openapi"] == "3.1.0"
    described = {(method.upper(), path) for path, item in document["paths"].items() for method in item}
    assert described == {(route.method, re.sub(r":\w+}", "}", route.path)) for route in ROUTES}
    operations = [operation for item in document["paths"].values() for operation in item.values()]
    assert all(operation["summary"] for operation in operations)
    assert len({operation["operationId"] for operation in operations}) == len(operations)
    references = re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document))
    assert set(references) <= set(document["components"]["schemas"])
    put = document["paths"][f"{V1}/endpoints/{{name}}"]["put"]
    assert put["requestBody"]["content"]["application/json"]["schema"]["$ref"].endswith("/EndpointDocument")


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code", "says"),
    [
        ("GET", "/nothing", None, 404, "not_found", "nothing at /nothing"),
        ("DELETE", "/health", None, 405, "invalid_input", "/health does not take DELETE"),
        ("GET", f"{V1}/endpoints/none", None, 404, "not_found", "no endpoint 'none'"),
        ("PUT", f"{V1}/endpoints/cancer", "{", 400, "invalid_input", "not JSON"),
        ("PUT", f"{V1}/endpoints/cancer", "", 400, "invalid_input", "not JSON"),
        ("PUT", f"{V1}/endpoints/cancer", "[]", 400, "invalid_input", "expected `object`"),
        ("PUT", f"{V1}/endpoints/c", "{}", 400, "invalid_input", "3 to 32"),
        ("PUT", f"{V1}/endpoints/cancer", '{"trafic": {}}', 400, "invalid_input", "did you mean 'traffic'"),
        ("PATCH", f"{V1}/endpoints/cancer/traffic", '{"traffic": 1}', 400, "invalid_input", "$.traffic"),
        ("PUT", f"{V1}/services/edge", '{"url": "localhost"}', 400, "invalid_input", "write http://"),
        ("PUT", f"{V1}/services/portal", '{"url": "http://a"}', 400, "invalid_input", "the services are"),
        ("GET", f"{V1}/desired-state?wait_s=soon", None, 400, "invalid_input", "wait_s"),
        ("GET", f"{V1}/desired-state?wait_s=61", None, 400, "invalid_input", "wait_s"),
        ("GET", f"{V1}/desired-state?wait=1", None, 400, "invalid_input", "unknown parameter 'wait'"),
        ("GET", f"{V1}/blobs/sha256:0", None, 400, "invalid_input", "digest"),
        ("POST", f"{V1}/models/cancer/versions", '{"run_id": "r", "x": 1}', 400, "invalid_input", "$.x"),
    ],
)
def test_a_mistake_has_one_shape(
    http: httpx.Client, method: str, path: str, body: str | None, status: int, code: str, says: str
) -> None:
    response = http.request(method, path, content=body, headers={"x-request-id": "mine"})
    error = error_of(response)
    assert (response.status_code, error["code"], error["request_id"]) == (status, code, "mine")
    assert says in error["message"]
    assert set(error) == {"code", "message", "details", "request_id"}
    assert response.headers["x-request-id"] == "mine"


def test_a_request_without_an_id_gets_one(http: httpx.Client) -> None:
    assert re.fullmatch("[0-9a-f]{32}", http.get("/health").headers["x-request-id"])
    assert http.get("/health", headers={"x-request-id": "a b\tc"}).headers["x-request-id"] != "a b\tc"


def test_an_unexpected_error_tells_the_client_only_its_id(
    http: httpx.Client, workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    with workspace.metadata.write() as tx:
        tx.exec_driver_sql("DROP TABLE services")
    response = http.get(f"{V1}/services")
    assert response.status_code == 500
    assert error_of(response)["message"] == "something went wrong inside the registry"
    assert error_of(response)["request_id"] in caplog.text
    assert "no such table" in caplog.text
    assert "no such table" not in response.text


def test_a_body_that_is_too_large_is_refused(http: httpx.Client) -> None:
    response = http.put(f"{V1}/endpoints/cancer", content=b" " * (5 << 20))
    assert (response.status_code, error_of(response)["code"]) == (413, "invalid_input")


def test_blobs_go_in_and_out(http: httpx.Client) -> None:
    data = b"slipway" * 500_000
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    assert http.head(f"{V1}/blobs/{digest}").status_code == 404
    assert http.put(f"{V1}/blobs/{digest}", content=data).json() == {"digest": digest, "size": len(data)}
    assert http.get(f"{V1}/blobs/{digest}").content == data
    assert http.head(f"{V1}/blobs/{digest}").headers["content-length"] == str(len(data))
    wrong = http.put(f"{V1}/blobs/{digest}", content=b"other")
    assert (wrong.status_code, error_of(wrong)["code"]) == (400, "invalid_input")


def test_a_life_of_an_endpoint(http: httpx.Client, image: Image) -> None:
    made = http.put(f"{V1}/endpoints/cancer", json={"name": "cancer"})
    assert made.status_code == 201
    assert set(made.json()["keys"]) == {"primary", "secondary"}
    again = http.put(f"{V1}/endpoints/cancer", json={"name": "cancer"})
    assert (again.status_code, again.json()["keys"]) == (200, None)

    deployed = http.put(f"{V1}/endpoints/cancer/deployments/blue", json=BLUE)
    assert deployed.status_code == 202
    activity = deployed.json()["activity"]["id"]
    progress = http.post(f"{V1}/activities/{activity}/progress", json={"progress": 0.5, "message": "starting"})
    assert progress.json()["log"][-1] == "starting"
    state = f"{V1}/endpoints/cancer/deployments/blue/revisions/1/state"
    assert http.post(state, json={"state": "live"}).json()["revisions"][0]["state"] == "live"
    assert http.get(f"{V1}/activities/{activity}").json()["state"] == "succeeded"

    assert http.patch(f"{V1}/endpoints/cancer/traffic", json={"traffic": {"blue": 100}}).status_code == 200
    assert http.get(f"{V1}/endpoints/cancer").json()["traffic"] == {"blue": 100}
    refused = http.delete(f"{V1}/endpoints/cancer/deployments/blue")
    assert (refused.status_code, error_of(refused)["details"]["deployment"]) == (409, "blue")
    fresh = http.post(f"{V1}/endpoints/cancer/keys/regenerate", json={"key": "primary"}).json()["key"]
    assert fresh != made.json()["keys"]["primary"]

    assert http.patch(f"{V1}/endpoints/cancer/traffic", json={"traffic": {}}).status_code == 200
    assert http.delete(f"{V1}/endpoints/cancer/deployments/blue").status_code == 204
    assert http.delete(f"{V1}/endpoints/cancer").status_code == 204
    assert http.get(f"{V1}/endpoints").json() == {"endpoints": []}


def test_a_deployment_without_an_image_is_told_how_to_get_one(http: httpx.Client) -> None:
    http.put(f"{V1}/endpoints/cancer", json={})
    error = error_of(http.put(f"{V1}/endpoints/cancer/deployments/blue", json={"model": "azureml:cancer:1"}))
    assert "slipway image build" in error["message"]
    assert error["details"] == {"path": "$.environment"}


def test_services_announce_themselves(http: httpx.Client) -> None:
    http.put(f"{V1}/services/edge", json={"url": "http://127.0.0.1:8000/", "grpc": "127.0.0.1:8001"})
    (service,) = http.get(f"{V1}/services").json()["services"]
    assert (service["name"], service["url"], service["grpc"]) == ("edge", "http://127.0.0.1:8000", "127.0.0.1:8001")


def test_more_long_polls_than_threads_hold_nothing_up(http: httpx.Client, url: str, workspace: Workspace) -> None:
    version = get_desired_state(workspace).version
    answers: list[int] = []

    def follow() -> None:
        answer = httpx.get(f"{url}{V1}/desired-state", params={"after": version, "wait_s": 50}, timeout=60)
        answers.append(answer.json()["version"])

    threads = [threading.Thread(target=follow) for _ in range(60)]
    for thread in threads:
        thread.start()
    assert http.put(f"{V1}/endpoints/cancer", json={}).status_code == 201
    for thread in threads:
        thread.join()
    assert answers == [version + 1] * 60


def test_an_activity_is_followed_line_by_line(http: httpx.Client, url: str, workspace: Workspace, image: Image) -> None:
    http.put(f"{V1}/endpoints/cancer", json={})
    activity = http.put(f"{V1}/endpoints/cancer/deployments/blue", json=BLUE).json()["activity"]["id"]
    lines: list[str] = []

    def follow() -> None:
        answer = httpx.get(f"{url}{V1}/activities/{activity}", params={"after": 1, "wait_s": 50}, timeout=60)
        lines.extend(answer.json()["log"])

    thread = threading.Thread(target=follow)
    thread.start()
    report_progress(workspace, activity, 0.5, "pulling layers")
    thread.join()
    assert lines[1:] == ["pulling layers"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", f"/api/v1/models/cancer/versions/{'9' * 5000}", b""),
        ("POST", "/api/v1/images", b'{"name": "a", "model": "cancer:' + b"9" * 5000 + b'"}'),
        ("POST", f"/api/v1/endpoints/e/deployments/d/revisions/{'9' * 5000}/state", b'{"state": "live"}'),
        ("PUT", "/api/v1/endpoints/cancer", b"[" * 100_000),
        ("POST", "/api/2.0/mlflow/runs/log-batch", b'{"metrics":' * 100_000),
    ],
)
def test_numbers_and_nestings_beyond_all_measure_are_the_callers_mistake(
    http: httpx.Client, method: str, path: str, body: bytes
) -> None:
    answer = http.request(method, path, content=body, headers={"content-type": "application/json"})
    assert 400 <= answer.status_code < 500, answer.text
