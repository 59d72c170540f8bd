"""What somebody would try: each attack is a test, and what the registry does instead."""

import hashlib
import json
import logging
import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from registry.api.security import head_limit

Ask = Callable[..., httpx.Response]

LIMIT_BYTES = 4 << 20
HTML = "<script>alert(1)</script>"
CREATE = "/api/2.0/mlflow/runs/create"

NO_IDS = [
    "../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "%2e%2e%2f",
    "%00",
    "a%00b",
    "%0d%0aset-cookie:x=1",
    "%ff%fe",
    "%ed%a0%80",
    "1e9",
    "-1",
    "9" * 30,
    "²",
    "١",
    "x" * 5000,
    "' OR 1=1 --",
    "{{7*7}}",
    "${jndi:ldap://x}",
    HTML,
    "sha256:" + "0" * 63 + "g",
    "sha256:../../../etc/passwd",
    "*",
    "%",
    "_",
]
PLACES = [
    "/api/v1/models/{}",
    "/api/v1/models/{}/versions/1",
    "/api/v1/models/cancer/versions/{}",
    "/api/v1/blobs/{}",
    "/api/v1/images/{}",
    "/api/v1/endpoints/{}",
    "/api/v1/endpoints/{}/deployments/blue",
    "/api/v1/endpoints/cancer/deployments/{}",
    "/api/v1/activities/{}",
    "/v2/{}/manifests/latest",
    "/v2/cancer/manifests/{}",
    "/v2/cancer/blobs/{}",
    "/v2/{}/tags/list",
    "/api/2.0/mlflow/runs/get?run_id={}",
    "/api/2.0/mlflow/experiments/get?experiment_id={}",
    "/api/2.0/mlflow/experiments/get-by-name?experiment_name={}",
    "/api/2.0/mlflow/artifacts/list?run_id={}",
    "/api/2.0/mlflow-artifacts/artifacts/0/{}/artifacts/x",
    "/api/2.0/mlflow-artifacts/artifacts?path={}",
    "/api/2.0/mlflow/metrics/get-history?run_id={}&metric_key=m",
    "/get-artifact?run_id={}&path=x",
    "/get-artifact?run_id=0&path={}",
    "/model-versions/get-artifact?name={}&version=1&path=x",
    "/model-versions/get-artifact?name=cancer&version={}&path=x",
    "/ajax-api/2.0/mlflow/logged-models/{}/artifacts/files?artifact_file_path=x",
]


def memory_bytes() -> int:
    """Return what this process holds; the registry runs on a thread of it."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def logged(http: httpx.Client, name: str, content: bytes) -> str:
    """Log a file and return its path."""
    run_id = http.post(CREATE, json={"experiment_id": "0"}).json()["run"]["info"]["run_id"]
    path = f"/api/2.0/mlflow-artifacts/artifacts/0/{run_id}/artifacts/{name}"
    assert http.put(path, content=content).is_success
    return path


@pytest.mark.parametrize("place", PLACES)
def test_an_id_that_is_none_is_a_4xx_and_leads_nowhere(http: httpx.Client, place: str) -> None:
    for bad in NO_IDS:
        answer = http.get(place.format(bad), follow_redirects=False)
        assert 300 <= answer.status_code < 500 or answer.json() in ({"files": []}, {}), (place, bad, answer.text)
        assert "root:" not in answer.text
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("method", ["PUT", "DELETE", "POST", "PATCH"])
def test_an_id_that_is_none_changes_nothing(http: httpx.Client, method: str) -> None:
    for place in PLACES:
        for bad in NO_IDS:
            answer = http.request(method, place.format(bad), json={})
            assert 400 <= answer.status_code < 500, (method, place, bad, answer.text)


def raw(url: str, chunks: Iterator[bytes]) -> bytes:
    """Send bytes until the server has closed, and return what it said."""
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        try:
            for chunk in chunks:
                connection.sendall(chunk)
        except OSError:
            pass
        said = b""
        try:
            while piece := connection.recv(65536):
                said += piece
        except OSError:
            pass
    return said


FLOODS: dict[str, Callable[[], Iterator[bytes]]] = {
    "headers without end": lambda: _flood(b"GET /health HTTP/1.1\r\n", b"x-a: " + b"b" * 1000 + b"\r\n"),
    "one header without end": lambda: _flood(b"GET /health HTTP/1.1\r\nx-a: ", b"b" * 1000),
    "a path without end": lambda: _flood(b"GET /", b"a" * 1000),
    "tiny headers": lambda: _flood(b"GET /health HTTP/1.1\r\n", b"a:b\r\n" * 200),
    "trailers without end": lambda: _flood(
        b"PUT /api/v1/endpoints/x HTTP/1.1\r\nhost: 127.0.0.1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n",
        b"x-a: " + b"b" * 1000 + b"\r\n",
    ),
    "a chunk's extension without end": lambda: _flood(
        b"PUT /api/v1/endpoints/x HTTP/1.1\r\nhost: 127.0.0.1\r\ntransfer-encoding: chunked\r\n\r\n1;x=", b"b" * 1000
    ),
}


def _flood(first: bytes, more: bytes) -> Iterator[bytes]:
    yield first
    for _ in range(50_000):
        yield more


@pytest.mark.parametrize("flood", FLOODS.values(), ids=list(FLOODS))
def test_a_head_without_end_is_cut_off(url: str, http: httpx.Client, flood: Callable[[], Iterator[bytes]]) -> None:
    assert http.get("/health").status_code == 200
    before = memory_bytes()
    sent = 0

    def counted() -> Iterator[bytes]:
        nonlocal sent
        for chunk in flood():
            sent += len(chunk)
            yield chunk

    raw(url, counted())
    assert sent < 20 << 20  # it was cut off: 50 MB were to come
    assert memory_bytes() - before < 16 << 20
    assert http.get("/health").status_code == 200


@pytest.mark.parametrize("sent", [b"", b"GET /he", b"GET /health HTTP/1.1\r\nhost: 127"])
def test_who_sends_too_slowly_is_let_go(url: str, monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    monkeypatch.setattr(head_limit, "HEAD_S", 0.2)
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(sent)
        assert connection.recv(1) == b""


def test_who_waits_for_a_slow_answer_is_not_let_go(http: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head_limit, "HEAD_S", 0.2)
    assert http.get("/api/v1/desired-state", params={"after": 99, "wait_s": 0.6}).status_code == 200
    assert http.get("/health").status_code == 200


def test_many_headers_are_refused(http: httpx.Client) -> None:
    assert http.get("/health", headers={f"x-{number}": "1" for number in range(150)}).status_code == 200
    assert http.get("/health", headers={f"x-{number}": "1" for number in range(300)}).status_code == 400


@pytest.mark.parametrize("path", ["/api/2.0/mlflow/runs/log-batch", "/api/2.0/mlflow/runs/search", "/api/v1/images"])
def test_a_body_that_is_too_large_is_413_before_it_has_arrived(http: httpx.Client, path: str) -> None:
    before = memory_bytes()
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(200):
            sent += 1 << 20
            yield b" " * (1 << 20)

    try:
        answer = http.post(path, content=endless(), headers={"content-type": "application/json"})
    except httpx.WriteError:
        pass  # it was answered while we wrote
    else:
        assert answer.status_code == 413
    assert memory_bytes() - before < 48 << 20


def test_a_guest_cannot_fill_the_memory(guarded_url: str) -> None:
    before = memory_bytes()
    content = (b"x" * (1 << 20) for _ in range(100))
    answer = httpx.put(f"{guarded_url}/api/v1/blobs/sha256:{'0' * 64}", content=content)
    assert answer.status_code == 401
    assert memory_bytes() - before < 32 << 20


def test_a_large_artifact_passes_through_little_memory(http: httpx.Client, tmp_path: Path) -> None:
    run_id = http.post(CREATE, json={"experiment_id": "0"}).json()["run"]["info"]["run_id"]
    path = f"/api/2.0/mlflow-artifacts/artifacts/0/{run_id}/artifacts/big"
    # The store of these tests is the memory, so what cannot be kept is sent: the body of a file that is a folder.
    assert http.put(f"{path}/inside", content=b"x").is_success
    before = memory_bytes()
    answer = http.put(path, content=(os.urandom(1 << 20) for _ in range(20)), timeout=60)
    assert answer.status_code == 400
    assert memory_bytes() - before < 64 << 20


@pytest.mark.parametrize("depth", [1000, 100_000])
@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_deep_nesting_is_the_callers_mistake(http: httpx.Client, opening: str, depth: int) -> None:
    for path in ("/api/2.0/mlflow/runs/create", "/api/v1/images", "/api/v1/tokens"):
        headers = {"content-type": "application/json"}
        assert http.post(path, content=opening * depth, headers=headers).status_code == 400


@pytest.mark.parametrize("name", ["page.html", "page.svg", "page.xhtml", "page.js", "page", "page.html%3Fx=1"])
def test_a_stored_page_is_a_download_and_never_run(http: httpx.Client, name: str) -> None:
    path = logged(http, name, HTML.encode())
    run_id = path.split("/")[6]
    for door in (path, f"/get-artifact?run_id={run_id}&path={name}"):
        shown = http.get(door)
        assert shown.text == HTML
        assert shown.headers["content-disposition"].startswith("attachment")
        assert shown.headers["x-content-type-options"] == "nosniff"
        assert shown.headers["content-security-policy"] == "sandbox; default-src 'none'"


def test_a_stored_blob_is_a_download_and_never_run(http: httpx.Client) -> None:
    digest = "sha256:" + hashlib.sha256(HTML.encode()).hexdigest()
    assert http.put(f"/api/v1/blobs/{digest}", content=HTML).is_success
    shown = http.get(f"/api/v1/blobs/{digest}")
    assert shown.headers["content-type"] == "application/octet-stream"
    assert (shown.headers["content-disposition"], shown.headers["x-content-type-options"]) == ("attachment", "nosniff")


def test_html_in_names_and_notes_is_json_that_no_browser_sniffs(http: httpx.Client) -> None:
    assert http.put("/api/v1/endpoints/cancer", json={"description": HTML, "tags": {HTML: HTML}}).is_success
    made = http.post("/api/2.0/mlflow/experiments/create", json={"name": HTML, "tags": []})
    assert made.is_success
    run = {"experiment_id": "0", "run_name": HTML, "tags": [{"key": "mlflow.note.content", "value": HTML}]}
    run_id = http.post(CREATE, json=run).json()["run"]["info"]["run_id"]
    pages = [
        "/api/v1/endpoints/cancer",
        f"/api/2.0/mlflow/experiments/get?experiment_id={made.json()['experiment_id']}",
        f"/api/2.0/mlflow/runs/get?run_id={run_id}",
        f"/api/v1/endpoints/{HTML}",
        f"/{HTML}",
        f"/api/2.0/mlflow/runs/get?run_id={HTML}",
    ]
    for page in pages:
        answer = http.get(page)
        assert HTML in json.dumps(answer.json()), page
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_registry_fetches_nothing_that_a_source_or_webhook_names(http: httpx.Client) -> None:
    with socket.create_server(("127.0.0.1", 0)) as inside:
        inside.settimeout(0.3)
        source = f"http://127.0.0.1:{inside.getsockname()[1]}/latest/meta-data"
        http.post("/api/2.0/mlflow/registered-models/create", json={"name": "cancer"})
        made = http.post("/api/2.0/mlflow/model-versions/create", json={"name": "cancer", "source": source})
        assert made.json()["model_version"]["source"] == source
        version = {"name": "cancer", "version": "1"}
        http.get("/api/2.0/mlflow/model-versions/get-download-uri", params=version)
        http.get("/model-versions/get-artifact", params={**version, "path": "x"})
        http.get("/api/v1/models/cancer/lineage")
        hook = {"name": "hook", "url": source, "events": [{"entity": "MODEL_VERSION", "action": "CREATED"}]}
        assert http.post("/api/2.0/mlflow/webhooks", json=hook).json()["error_code"] == "ENDPOINT_NOT_FOUND"
        with pytest.raises(TimeoutError):
            inside.accept()


def test_a_path_writes_no_line_into_the_log(http: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "slipway.registry")
    http.get("/api/v1/models/x%0a2026-01-01 ERROR root logged in")
    assert "logged in" not in caplog.text


def test_a_header_for_proxies_does_not_hide_who_asks(ask: Ask, secrets: dict[str, str], guarded_url: str) -> None:
    headers = {"x-forwarded-for": "10.9.9.9", "forwarded": "for=10.9.9.9"}
    httpx.delete(f"{guarded_url}/api/v1/endpoints/cancer", headers=headers)
    found: list[dict[str, str]] = []
    deadline = time.monotonic() + 5
    while not found and time.monotonic() < deadline:  # it is written a moment after the answer
        found = ask("owner", "GET", "/api/v1/audit").json()["entries"]
    assert [row["address"] for row in found] == ["127.0.0.1"]


def test_a_request_id_is_plain_or_ours(http: httpx.Client) -> None:
    for bad in ("x" * 129, "a b", "<b>", ""):
        assert http.get("/health", headers={"x-request-id": bad}).headers["x-request-id"] != bad


def test_a_client_that_leaves_is_nobodys_fault(url: str, http: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    address = urlsplit(url)
    for path in (b"/api/v1/images", b"/api/v1/blobs/sha256:" + b"0" * 64):
        method = b"PUT" if b"blobs" in path else b"POST"
        with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
            head = b" HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 1000\r\n\r\n{"
            connection.sendall(method + b" " + path + head)
    assert http.get("/health").status_code == 200
    assert "Traceback" not in caplog.text
