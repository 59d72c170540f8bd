"""The model registry's wire, where MLflow's client would not let us break it: every error code, every attack."""

from typing import Any

import httpx
import pytest

from registry.core.deploying.documents import DeploymentDocument, EndpointDocument, EnvironmentDocument
from registry.core.deploying.endpoints import RevisionState
from registry.core.imaging.images import Image
from registry.operations.deploying.deployments import put_deployment, set_revision_state
from registry.operations.deploying.endpoints import put_endpoint
from registry.operations.workspace import Workspace

V2 = "/api/2.0/mlflow"
FILES = "/api/2.0/mlflow-artifacts/artifacts"
NOBODY = f"m-{'0' * 32}"
INVALID = (400, "INVALID_PARAMETER_VALUE")
TAKEN = (400, "RESOURCE_ALREADY_EXISTS")
MISSING = (404, "RESOURCE_DOES_NOT_EXIST")
CONFLICT = (409, "RESOURCE_CONFLICT")


@pytest.fixture
def run_id(http: httpx.Client) -> str:
    """A run with the file model/a.txt."""
    run_id: str = http.post(f"{V2}/runs/create", json={"experiment_id": "0"}).json()["run"]["info"]["run_id"]
    http.put(f"{FILES}/0/{run_id}/artifacts/model/a.txt", content=b"first")
    return run_id


@pytest.fixture
def model_id(http: httpx.Client, run_id: str) -> str:
    """A logged model of the run, with the file MLmodel."""
    asked = {"experiment_id": "0", "name": "m", "source_run_id": run_id}
    model_id: str = http.post(f"{V2}/logged-models", json=asked).json()["model"]["info"]["model_id"]
    assert http.put(f"{FILES}/0/models/{model_id}/artifacts/MLmodel", content=b"whole").status_code == 200
    return model_id


@pytest.fixture
def cancer(http: httpx.Client, run_id: str) -> str:
    """The model "cancer" with one version."""
    http.post(f"{V2}/registered-models/create", json={"name": "cancer"})
    body = {"name": "cancer", "source": f"runs:/{run_id}/model", "run_id": run_id}
    assert http.post(f"{V2}/model-versions/create", json=body).json()["model_version"]["version"] == "1"
    return "cancer"


def error_of(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error_code"]


@pytest.mark.parametrize(
    ("method", "path", "body", "error"),
    [
        ("POST", "registered-models/create", {}, INVALID),
        ("POST", "registered-models/create", {"name": ""}, INVALID),
        ("POST", "registered-models/create", {"name": "a/b"}, INVALID),
        ("POST", "registered-models/create", {"name": ".."}, INVALID),
        ("POST", "registered-models/create", {"name": 7}, INVALID),
        ("POST", "registered-models/create", {"name": "cancer"}, TAKEN),
        ("POST", "registered-models/rename", {"name": "cancer"}, INVALID),
        ("POST", "registered-models/rename", {"name": "no", "new_name": "b"}, MISSING),
        ("PATCH", "registered-models/update", {"name": "no"}, MISSING),
        ("DELETE", "registered-models/delete", {"name": "no"}, MISSING),
        ("GET", "registered-models/get", {"name": "no"}, MISSING),
        ("GET", "registered-models/get", {}, INVALID),
        ("GET", "registered-models/search", {"filter": "name = cancer"}, INVALID),
        ("GET", "registered-models/search", {"max_results": "0"}, INVALID),
        ("GET", "registered-models/search", {"page_token": "zzz"}, INVALID),
        ("GET", "registered-models/get-latest-versions", {"name": "no"}, MISSING),
        ("GET", "registered-models/get-latest-versions", {"name": "cancer", "stages": "x"}, INVALID),
        ("POST", "registered-models/set-tag", {"name": "no", "key": "a"}, MISSING),
        ("POST", "registered-models/set-tag", {"name": "cancer", "key": "../a"}, INVALID),
        ("POST", "registered-models/set-tag", {"name": "cancer", "key": "a", "value": "x" * 100_001}, INVALID),
        ("POST", "registered-models/alias", {"name": "cancer", "alias": "a", "version": "9"}, MISSING),
        ("POST", "registered-models/alias", {"name": "cancer", "alias": "latest", "version": "1"}, INVALID),
        ("POST", "registered-models/alias", {"name": "cancer", "alias": "a", "version": "x"}, INVALID),
        ("DELETE", "registered-models/alias", {"name": "no", "alias": "a"}, MISSING),
        ("GET", "registered-models/alias", {"name": "cancer", "alias": "zz"}, INVALID),
        ("GET", "registered-models/alias", {"name": "no", "alias": "zz"}, MISSING),
        ("POST", "model-versions/create", {"name": "no", "source": "s3://b"}, MISSING),
        ("POST", "model-versions/create", {"name": "cancer"}, INVALID),
        ("GET", "model-versions/get", {"name": "cancer", "version": "9"}, MISSING),
        ("GET", "model-versions/get", {"name": "cancer", "version": "one"}, INVALID),
        ("GET", "model-versions/get-download-uri", {"name": "cancer", "version": "9"}, MISSING),
        ("PATCH", "model-versions/update", {"name": "cancer", "version": "9"}, MISSING),
        ("DELETE", "model-versions/delete", {"name": "cancer", "version": "9"}, MISSING),
        ("POST", "model-versions/transition-stage", {"name": "cancer", "version": "1", "stage": "x"}, INVALID),
        ("POST", "model-versions/set-tag", {"name": "cancer", "version": "9", "key": "a"}, MISSING),
        ("GET", "model-versions/search", {"filter": "name > 'a'"}, INVALID),
        ("POST", "logged-models", {"experiment_id": "77"}, MISSING),
        ("POST", "logged-models", {"experiment_id": "0", "source_run_id": "no"}, MISSING),
        ("POST", "logged-models", {"experiment_id": "0", "name": "a/b"}, INVALID),
        ("POST", "logged-models", {}, INVALID),
        ("GET", f"logged-models/{NOBODY}", {}, MISSING),
        ("PATCH", f"logged-models/{NOBODY}", {"status": "LOGGED_MODEL_READY"}, MISSING),
        ("DELETE", f"logged-models/{NOBODY}", {}, MISSING),
        ("POST", f"logged-models/{NOBODY}/params", {}, MISSING),
        ("PATCH", f"logged-models/{NOBODY}/tags", {}, MISSING),
        ("DELETE", f"logged-models/{NOBODY}/tags/a", {}, MISSING),
        ("GET", f"logged-models/{NOBODY}/artifacts/directories", {}, MISSING),
        ("POST", "logged-models/search", {"max_results": 101}, INVALID),
        ("POST", "logged-models/search", {"datasets": [{"dataset_digest": "x"}]}, INVALID),
        ("POST", "logged-models/search", {"order_by": [{"field_name": "colour"}]}, INVALID),
    ],
)
def test_a_mistake_has_mlflows_code(
    http: httpx.Client, cancer: str, method: str, path: str, body: dict[str, Any], error: tuple[int, str]
) -> None:
    if method == "GET":
        response = http.get(f"{V2}/{path}", params=body)
    else:
        response = http.request(method, f"{V2}/{path}", json=body)
    assert error_of(response) == error, response.text


@pytest.mark.parametrize(
    "source",
    [
        *("", "model", "/etc/passwd", "file:///etc/passwd", "FILE:///etc/passwd", "C:\\windows", "C:/windows"),
        *("\\\\host\\share", "runs:/RUN/../x", "runs:/RUN/%2e%2e/x", "runs:/RUN/%252e%252e%252fx", "runs:/RUN/a\\b"),
        *("mlflow-artifacts:/0/RUN/artifacts/../../../etc", "mlflow-artifacts:/0/RUN/artifacts/%2E%2E/x"),
        *("mlflow-artifacts:/etc/passwd", "mlflow-artifacts:/9/RUN/artifacts/model", "s3://bucket/../../x"),
        *("runs:/RUN/nothing", f"runs:/{'0' * 32}/model", f"models:/{NOBODY}", "models:/cancer/9", "models:/no/1"),
        *("models:/cancer/latest", "models:/../1", "runs:/OTHER/model", "mlflow-artifacts:/0/OTHER/artifacts/model"),
    ],
)
def test_a_source_that_is_not_the_runs_own_is_refused(
    http: httpx.Client, cancer: str, run_id: str, source: str
) -> None:
    other = http.post(f"{V2}/runs/create", json={"experiment_id": "0"}).json()["run"]["info"]["run_id"]
    http.put(f"{FILES}/0/{other}/artifacts/model/a.txt", content=b"other")
    body = {"name": cancer, "source": source.replace("RUN", run_id).replace("OTHER", other), "run_id": run_id}
    response = http.post(f"{V2}/model-versions/create", json=body)
    assert error_of(response) == INVALID, response.text


def test_a_source_belongs_to_the_run_and_model_it_is_said_to(
    http: httpx.Client, cancer: str, run_id: str, model_id: str
) -> None:
    other = http.post(f"{V2}/runs/create", json={"experiment_id": "0"}).json()["run"]["info"]["run_id"]
    http.put(f"{FILES}/0/{other}/artifacts/a", content=b"other")
    for said in (
        {"source": f"models:/{model_id}", "run_id": other},
        {"source": f"models:/{model_id}", "model_id": NOBODY},
        {"source": "models:/cancer/1", "run_id": other},
        {"source": "s3://bucket/model", "run_id": "0" * 32},
        {"source": "s3://bucket/model", "run_id": "0" * 33, "run_link": "http://elsewhere"},
        {"source": "s3://bucket/model", "run_id": other, "model_id": model_id},
        {"source": f"runs:/{other}/a", "model_id": model_id},
    ):
        response = http.post(f"{V2}/model-versions/create", json={"name": cancer, **said})
        assert error_of(response) == INVALID, said
    elsewhere = {"source": "s3://bucket/model", "run_id": "0" * 32, "run_link": "http://elsewhere"}
    made = http.post(f"{V2}/model-versions/create", json={"name": cancer, **elsewhere}).json()["model_version"]
    assert (made["version"], made["run_id"]) == ("2", "0" * 32)
    right = {"name": cancer, "source": f"models:/{model_id}", "run_id": run_id, "model_id": model_id}
    made = http.post(f"{V2}/model-versions/create", json=right).json()["model_version"]
    assert (made["version"], made["model_id"], made["run_id"]) == ("3", model_id, run_id)


def test_a_versions_files_stay_what_they_were(http: httpx.Client, cancer: str, run_id: str) -> None:
    http.put(f"{FILES}/0/{run_id}/artifacts/model/a.txt", content=b"changed")
    http.put(f"{FILES}/0/{run_id}/artifacts/model/b.txt", content=b"new")
    assert http.get(f"{FILES}/registered-models/cancer/1/a.txt").content == b"first"
    listed = http.get(FILES, params={"path": "registered-models/cancer/1"}).json()["files"]
    assert listed == [{"path": "a.txt", "is_dir": False, "file_size": 5}]
    http.delete(f"{FILES}/0/{run_id}/artifacts/model")
    assert http.get(FILES, params={"path": f"0/{run_id}/artifacts/model"}).json() == {"files": []}
    assert http.get(f"{FILES}/registered-models/cancer/1/a.txt").content == b"first"


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_a_registered_version_is_read_only(http: httpx.Client, cancer: str, method: str) -> None:
    response = http.request(method, f"{FILES}/registered-models/cancer/1/a.txt", content=b"x")
    assert error_of(response) == CONFLICT
    assert error_of(http.get(f"{FILES}/registered-models/cancer/1/nothing")) == MISSING
    assert error_of(http.get(f"{FILES}/registered-models/cancer/9/a.txt")) == MISSING
    assert error_of(http.get(f"{FILES}/registered-models/../1/a.txt"))[0] in (400, 404)


def test_a_logged_models_files_change_until_it_is_ready(http: httpx.Client, model_id: str) -> None:
    base = f"{FILES}/0/models/{model_id}/artifacts"
    http.put(f"{base}/deep/a", content=b"x")
    http.put(f"{base}/deep/b", content=b"y")
    assert http.delete(f"{base}/deep/a").status_code == 200
    listed = http.get(f"{V2}/logged-models/{model_id}/artifacts/directories").json()
    assert listed["root_uri"] == f"mlflow-artifacts:/0/models/{model_id}/artifacts"
    assert [(one["path"], one["is_dir"]) for one in listed["files"]] == [("MLmodel", False), ("deep", True)]
    params = {"artifact_directory_path": "deep"}
    deep = http.get(f"{V2}/logged-models/{model_id}/artifacts/directories", params=params).json()["files"]
    assert deep == [{"path": "deep/b", "is_dir": False, "file_size": 1}]
    assert http.delete(base).status_code in (400, 405)
    ready = http.patch(f"{V2}/logged-models/{model_id}", json={"status": "LOGGED_MODEL_READY"}).json()["model"]
    assert ready["info"]["status"] == "LOGGED_MODEL_READY"
    for method in ("PUT", "DELETE"):
        assert error_of(http.request(method, f"{base}/MLmodel", content=b"z")) == CONFLICT
    assert http.get(f"{base}/MLmodel").content == b"whole"
    pending = http.patch(f"{V2}/logged-models/{model_id}", json={"status": "LOGGED_MODEL_PENDING"})
    assert error_of(pending) == INVALID
    assert error_of(http.get(f"{FILES}/7/models/{model_id}/artifacts/MLmodel")) == MISSING


def test_a_logged_models_params_never_change(http: httpx.Client, model_id: str) -> None:
    url = f"{V2}/logged-models/{model_id}/params"
    assert http.post(url, json={"params": [{"key": "C", "value": "1"}]}).json() == {}
    assert http.post(url, json={"params": [{"key": "C", "value": "1"}]}).status_code == 200
    changed = {"params": [{"key": "D", "value": "1"}, {"key": "C", "value": "2"}]}
    assert error_of(http.post(url, json=changed)) == INVALID
    model = http.get(f"{V2}/logged-models/{model_id}").json()["model"]
    assert model["data"]["params"] == [{"key": "C", "value": "1"}]


def test_what_a_deployment_uses_cannot_be_deleted(
    http: httpx.Client, cancer: str, workspace: Workspace, image: Image
) -> None:
    put_endpoint(workspace, "diagnosis", EndpointDocument())
    document = DeploymentDocument(environment=EnvironmentDocument(image="cancer-onnx:1"))
    put_deployment(workspace, "diagnosis", "blue", document)
    for path, body in (
        ("model-versions/delete", {"name": cancer, "version": "1"}),
        ("registered-models/delete", {"name": cancer}),
    ):
        response = http.request("DELETE", f"{V2}/{path}", json=body)
        assert error_of(response) == CONFLICT
        assert "diagnosis/blue" in response.json()["message"]
    renamed = http.post(f"{V2}/registered-models/rename", json={"name": cancer, "new_name": "other"})
    assert error_of(renamed) == CONFLICT
    set_revision_state(workspace, "diagnosis", "blue", 1, state=RevisionState.FAILED, message="no")
    deleted = http.request("DELETE", f"{V2}/model-versions/delete", json={"name": cancer, "version": "1"})
    assert deleted.json() == {}


def test_an_empty_field_is_not_sent(http: httpx.Client, cancer: str) -> None:
    model = http.get(f"{V2}/registered-models/get", params={"name": cancer}).json()["registered_model"]
    assert model.keys() == {"name", "creation_timestamp", "last_updated_timestamp", "latest_versions"}
    (version,) = model["latest_versions"]
    assert (version["version"], version["current_stage"], version["status"]) == ("1", "None", "READY")
    asked = {"name": cancer, "stages": ["None"]}
    newest = http.get(f"{V2}/registered-models/get-latest-versions", params=asked).json()["model_versions"]
    assert newest == [version]
