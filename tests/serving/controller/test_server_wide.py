"""Calls under /v2 that name no endpoint."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import tritonclient.http
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount
from tritonclient.utils import InferenceServerException

from serving.controller.server_wide import server_wide
from serving.scoring.dataplane import DataPlane
from serving.scoring.engine.workers import Workers
from serving.scoring.runtimes.onnx import load_onnx
from serving.wire.routing import RoutingTable, Server, ServerState
from tests.serving.edge.tables import KEY, backend, endpoint
from tests.serving.scoring.conftest import asking
from tests.serving.scoring.models import linear_model, write_image

READY = Server(id="r0", http_address="127.0.0.1:1", grpc_address="127.0.0.1:2", state=ServerState.READY)
TABLE = RoutingTable(
    generation=1,
    endpoints=[endpoint("Cancer", blue=10000, green=0)],
    backends=[backend("cancer.blue.1", READY), backend("cancer.green.1")],
)


def ask(method: str, path: str, content: bytes = b"", key: str | None = KEY) -> httpx.Response:
    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(server_wide(lambda: TABLE))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            headers = {"authorization": f"Bearer {key}"} if key else {}
            return await client.request(method, path, content=content, headers=headers)

    return asyncio.run(send())


@pytest.fixture
def ask_process(tmp_path: Path) -> Iterator[Any]:
    """Ask a scoring process of a tiny model."""
    root = write_image(tmp_path / "image", model=linear_model())
    with contextlib.closing(Workers()) as workers:
        yield asking(DataPlane(load_onnx(root, 1), workers, 64, 5.0))


def test_the_index_lists_what_the_key_opens() -> None:
    ready = {"name": "Cancer", "version": "1", "state": "READY"}
    away = {"name": "Cancer", "version": "2", "state": "UNAVAILABLE", "reason": "no replica is ready"}
    for body in (b"", b"{}", b'{"ready": false}'):
        assert ask("POST", "/repository/index", body).json() == [ready, away]
    assert ask("POST", "/repository/index", b'{"ready": true}').json() == [ready]


@pytest.mark.parametrize("path", ["/repository/index", "/repository/models/cancer/load"])
@pytest.mark.parametrize("key", [None, "", "wrong"])
def test_without_a_key_that_opens_something_it_is_401(path: str, key: str | None) -> None:
    assert ask("POST", path, key=key).status_code == 401


def test_loading_an_endpoint_does_nothing_but_with_contents_it_is_refused() -> None:
    for body in (b"", b"{}", b'{"parameters": {}}'):
        answer = ask("POST", "/repository/models/CANCER/load", body)
        assert (answer.status_code, answer.content) == (200, b"")
    refused = ask("POST", "/repository/models/cancer/load", b'{"parameters": {"config": "{}"}}')
    assert refused.status_code == 400
    assert refused.json()["error"].startswith("failed to load 'cancer' with config: files and configuration are")


def test_unloading_is_refused_with_the_command_that_does_it() -> None:
    answer = ask("POST", "/repository/models/cancer/unload", b"{}")
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("failed to unload 'cancer': an endpoint serves what was deployed")
    assert "slipway deployment delete" in answer.json()["error"]


def test_what_the_key_does_not_open_is_neither_loaded_nor_unloaded() -> None:
    for verb in ("load", "unload"):
        unknown = ask("POST", f"/repository/models/other/{verb}")
        assert unknown.status_code == 404
        assert unknown.json() == {"error": f"failed to {verb} 'other': this key opens no such endpoint"}


@pytest.mark.parametrize("kind", ["system", "cuda"])
def test_no_region_of_shared_memory_is_ever_there(kind: str) -> None:
    assert ask("GET", f"/{kind}sharedmemory/status", key=None).json() == []
    assert ask("POST", f"/{kind}sharedmemory/unregister", key=None).status_code == 200
    assert ask("POST", f"/{kind}sharedmemory/region/a/unregister", key=None).status_code == 200


def test_what_belongs_to_the_server_is_answered_as_a_scoring_process_does(ask_process: Any) -> None:
    for method, path, body in (
        ("GET", "/logging", b""),
        ("POST", "/logging", b'{"log_info": true}'),
        ("POST", "/logging", b'{"log_info": false}'),
        ("POST", "/logging", b'{"nonsense": 1}'),
        ("GET", "/trace/setting", b""),
        ("POST", "/trace/setting", b'{"trace_level": ["TIMESTAMPS"]}'),
        *(
            (method, f"/{kind}sharedmemory{path}", b"")
            for kind in ("system", "cuda")
            for method, path in (
                ("GET", "/status"),
                ("GET", "/region/a/status"),
                ("POST", "/region/a/register"),
                ("POST", "/region/a/unregister"),
            )
        ),
    ):
        here, there = ask(method, path, body, key=None), ask_process(method, f"/v2{path}", body)
        assert (here.status_code, here.content) == (there.status, there.body), path


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/repository/index", b"{", 400),
        ("POST", "/repository/index", b"\xff", 400),
        ("POST", "/repository/index", b'{"ready": 1}', 400),
        ("GET", "/repository/index", b"", 405),
        ("GET", "/models/stats", b"", 400),
        ("GET", "/nowhere", b"", 404),
        ("POST", "/repository/models//load", b"", 404),
        ("POST", "/repository/models/cancer/load", b"[]", 400),
        ("POST", "/logging", b'{"log_info": ', 400),
        ("POST", "/logging", b"[" * 100_000, 400),
        ("POST", "/logging", b" " * ((1 << 20) + 1), 413),
    ],
)
def test_errors_have_the_protocols_shape(method: str, path: str, body: Any, status: int) -> None:
    answer = ask(method, path, body)
    assert answer.status_code == status
    assert list(answer.json()) == ["error"]
    assert isinstance(answer.json()["error"], str)
    assert answer.headers["content-type"] == "application/json"


@pytest.fixture
def triton() -> Iterator[Any]:
    """Triton's own client of these doors on a socket."""
    app = Starlette(routes=[Mount("/v2", server_wide(lambda: TABLE))])
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        with tritonclient.http.InferenceServerClient(f"127.0.0.1:{listener.getsockname()[1]}") as client:
            yield client
        server.should_exit = True
        thread.join()


def test_tritons_client_may_ask_what_it_asks_a_server(triton: Any) -> None:
    headers = {"authorization": f"Bearer {KEY}"}
    assert triton.get_model_repository_index(headers=headers)[0]["state"] == "READY"
    triton.load_model("cancer", headers=headers)
    assert triton.get_log_settings()["log_info"] is True
    assert triton.get_trace_settings()["trace_level"] == ["OFF"]
    assert triton.get_system_shared_memory_status() == []
    triton.unregister_cuda_shared_memory()
    refusals: list[tuple[Callable[[], Any], str]] = [
        (lambda: triton.register_system_shared_memory("a", "/a", 8), "shared memory is off here"),
        (lambda: triton.update_log_settings({"log_verbose_level": 1}), "cannot be changed here"),
        (lambda: triton.load_model("other", headers=headers), "failed to load 'other'"),
        (lambda: triton.unload_model("cancer", headers=headers), "slipway deployment delete"),
    ]
    for refused, says in refusals:
        with pytest.raises(InferenceServerException, match=says):
            refused()
