"""The doors by which MLflow's own UI shows files; its client has none of them."""

import re

import httpx
import pytest
from mlflow import MlflowClient

CONTENT = b"<script>alert(1)</script>"


@pytest.fixture
def doors(client: MlflowClient, http: httpx.Client, run_id: str) -> list[str]:
    """The address, as the UI writes it, of one file of a run (twice), a logged model and a version."""
    model = client.create_logged_model("0")
    for folder in (f"0/{run_id}", f"0/models/{model.model_id}"):
        path = f"/api/2.0/mlflow-artifacts/artifacts/{folder}/artifacts/model/page one.html"
        assert http.put(path, content=CONTENT).is_success
    client.create_registered_model("cancer")
    client.create_model_version("cancer", f"runs:/{run_id}/model", run_id)
    return [
        f"/get-artifact?path=model%2Fpage%20one.html&run_uuid={run_id}",
        f"/get-artifact?path=model%2Fpage%20one.html&run_id={run_id}",
        f"/ajax-api/2.0/mlflow/logged-models/{model.model_id}/artifacts/files"
        "?artifact_file_path=model%2Fpage%20one.html",
        "/model-versions/get-artifact?path=page%20one.html&name=cancer&version=1",
    ]


def test_a_file_is_a_download_in_ranges_and_never_a_page(http: httpx.Client, doors: list[str]) -> None:
    for door in doors:
        whole, part = http.get(door), http.get(door, headers={"range": "bytes=1-6"})
        assert (whole.status_code, whole.content) == (200, CONTENT)
        assert (part.status_code, part.content) == (206, b"script")
        assert http.get(door, headers={"if-none-match": whole.headers["etag"]}).status_code == 304
        for answer in (whole, part):
            assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''page%20one.html"
            assert answer.headers["content-security-policy"] == "sandbox; default-src 'none'"
            assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("climbing", ["../../x", "%2e%2e%2fx", "/etc/passwd", "a//b", "a\\b", "", "a%00b"])
def test_a_path_cannot_climb(http: httpx.Client, doors: list[str], climbing: str) -> None:
    for door in doors:
        page = re.sub("path=[^&]*", lambda _: f"path={climbing}", door)
        response = http.get(page)
        assert (response.status_code, response.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE"), page


def test_what_is_not_there_is_told_in_mlflows_words(http: httpx.Client, run_id: str, doors: list[str]) -> None:
    for path in (
        f"/get-artifact?path=nothing&run_id={run_id}",
        f"/get-artifact?path=model&run_id={run_id}",
        f"/get-artifact?path=a&run_id={'0' * 32}",
        "/model-versions/get-artifact?name=cancer&version=2&path=a",
        "/model-versions/get-artifact?name=other&version=1&path=a",
        "/ajax-api/2.0/mlflow/logged-models/m-none/artifacts/files?artifact_file_path=a",
    ):
        response = http.get(path)
        assert (response.status_code, response.json()["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST"), path
    for path in ("/get-artifact?path=a", "/model-versions/get-artifact?name=cancer&version=x&path=a"):
        assert http.get(path).json()["error_code"] == "INVALID_PARAMETER_VALUE"
