import hashlib

import httpx
import pytest

from registry.api.download import attachment, wanted_range

CONTENT = bytes(range(256)) * 20_000  # five megabytes: more than one chunk


@pytest.fixture
def path(http: httpx.Client) -> str:
    """The address of a blob with ``CONTENT``."""
    path = f"/api/v1/blobs/sha256:{hashlib.sha256(CONTENT).hexdigest()}"
    assert http.put(path, content=CONTENT).status_code == 201
    return path


@pytest.mark.parametrize(
    ("header", "part"),
    [
        ("bytes=0-0", slice(0, 1)),
        ("bytes=3-1048999", slice(3, 1_049_000)),
        ("bytes=5119990-", slice(5_119_990, None)),
        ("bytes=-7", slice(-7, None)),
        ("bytes=5119999-9999999999", slice(5_119_999, None)),
        ("bytes=-9999999999", slice(0, None)),
    ],
)
def test_a_range_is_answered_with_its_bytes(http: httpx.Client, path: str, header: str, part: slice) -> None:
    answer = http.get(path, headers={"range": header})
    start, end, _ = part.indices(len(CONTENT))
    assert (answer.status_code, answer.content) == (206, CONTENT[part])
    assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{len(CONTENT)}"


@pytest.mark.parametrize("header", ["bytes=5120000-", "bytes=9999999-99999999", "bytes=-0"])
def test_what_lies_behind_the_end_is_not_satisfiable(http: httpx.Client, path: str, header: str) -> None:
    answer = http.get(path, headers={"range": header})
    assert (answer.status_code, answer.headers["content-range"]) == (416, f"bytes */{len(CONTENT)}")


@pytest.mark.parametrize("header", ["bytes=-", "bytes=5-3", "bytes=0-1,3-4", "lines=1-2", "bytes=x-y", "bytes=²-3", ""])
def test_what_is_no_single_range_is_answered_with_everything(http: httpx.Client, path: str, header: str) -> None:
    answer = http.get(path, headers=[(b"range", header.encode())])
    assert (answer.status_code, answer.content) == (200, CONTENT)


def test_a_copy_that_is_still_good_is_not_sent_again(http: httpx.Client, path: str) -> None:
    tag = http.head(path).headers["etag"]
    assert http.get(path, headers={"if-none-match": tag}).status_code == 304
    assert http.get(path, headers={"range": "bytes=0-1", "if-range": tag}).status_code == 206
    assert http.get(path, headers={"range": "bytes=0-1", "if-range": '"other"'}).status_code == 200


def test_an_artifact_has_ranges_too(http: httpx.Client) -> None:
    run = http.post("/api/2.0/mlflow/runs/create", json={"experiment_id": "0"}).json()["run"]["info"]["run_id"]
    path = f"/api/2.0/mlflow-artifacts/artifacts/0/{run}/artifacts/page.html"
    assert http.put(path, content=b"<script>alert(1)</script>").status_code == 200
    answer = http.get(path, headers={"range": "bytes=1-6"})
    assert (answer.status_code, answer.content) == (206, b"script")
    assert answer.headers["content-disposition"] == "attachment; filename=page.html"
    assert answer.headers["content-security-policy"].startswith("sandbox")


def test_a_download_has_its_own_name_whatever_that_is() -> None:
    assert attachment("") == "attachment"
    assert attachment("model.onnx") == "attachment; filename=model.onnx"
    assert attachment('grüße";\r\nx: 1') == "attachment; filename*=UTF-8''gr%C3%BC%C3%9Fe%22%3B%0D%0Ax%3A%201"


def test_an_empty_file_has_no_ranges() -> None:
    assert wanted_range("bytes=0-", 0) == (0, 0)
    assert wanted_range("", 0) is None
