"""Calls under /v2 that name no endpoint."""

import asyncio
from typing import Any

import httpx
import pytest

from serving.controller.server_wide import server_wide
from serving.wire.routing import RoutingTable, Server, ServerState
from tests.serving.edge.tables import KEY, backend, endpoint

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


def test_loading_and_unloading_are_refused_with_the_command_that_does_it() -> None:
    for verb in ("load", "unload"):
        answer = ask("POST", f"/repository/models/cancer/{verb}", b"{}")
        assert answer.status_code == 400
        assert answer.json()["error"].startswith(f"failed to {verb} 'cancer': an endpoint serves what was deployed")
        assert "slipway deployment create" in answer.json()["error"]
        unknown = ask("POST", f"/repository/models/other/{verb}")
        assert unknown.status_code == 404
        assert unknown.json() == {"error": f"failed to {verb} 'other': this key opens no such endpoint"}


@pytest.mark.parametrize("kind", ["system", "cuda"])
def test_no_region_of_shared_memory_is_ever_there(kind: str) -> None:
    assert ask("GET", f"/{kind}sharedmemory/status", key=None).json() == []
    assert ask("POST", f"/{kind}sharedmemory/unregister", key=None).status_code == 200


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
    ],
)
def test_errors_have_the_protocols_shape(method: str, path: str, body: Any, status: int) -> None:
    answer = ask(method, path, body)
    assert answer.status_code == status
    assert list(answer.json()) == ["error"]
    assert isinstance(answer.json()["error"], str)
    assert answer.headers["content-type"] == "application/json"
