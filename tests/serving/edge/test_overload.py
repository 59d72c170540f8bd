"""Several times what a model can do, through a real edge and a real scoring process."""

import asyncio
import hashlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from loadtest.bench.client import Request
from loadtest.bench.open_loop import OpenLoad, run_open_load
from registry.core.deploying.keys import KeyHash
from serving.wire.routing import Server, ServerState
from tests.serving.edge.replica import SECRET
from tests.serving.scoring.models import write_image
from tests.serving.scoring.process import Process

BLUE = "cancer.blue.1"
SLOW = """
import time
def init(): ...
def run(data):
    time.sleep(0.005)
    return 1
"""


@pytest.fixture
def crowded(edge: Any, controller: Any, make: Any, tmp_path: Path) -> Iterator[Any]:
    """An edge with two keys before a script that takes 5 ms."""
    with ExitStack() as stack:
        arguments = ("--serve-as", "cancer", "--backend", BLUE)
        root = write_image(tmp_path / "image", script=SLOW)
        process = Process(root, *arguments, environment={"SLIPWAY_EDGE_SECRET": SECRET})
        stack.callback(process.close)
        server = Server(id="b0", http_address=process.http, grpc_address=process.grpc, state=ServerState.READY)
        keys = [KeyHash(name, hashlib.sha256(name.encode()).hexdigest()) for name in ("flood", "polite")]
        route = replace(make.endpoint("Cancer", blue=10000), keys=keys)
        controller.publish(make.table(1, [route], [make.backend(BLUE, server, timeout_ms=5000)]))
        edge.headers = {"authorization": "Bearer polite"}
        edge.eventually(lambda: edge.score().status_code == 200)
        yield edge


def test_who_floods_is_refused_with_a_time_and_who_does_not_is_answered(crowded: Any) -> None:
    async def send(key: str, rate_per_s: float) -> OpenLoad:
        headers = {"authorization": f"Bearer {key}"}
        request = Request("127.0.0.1", crowded.http_port, "/endpoints/cancer/score", b'{"data": 1}', headers)
        return await run_open_load(request, rate_per_s=rate_per_s, seconds=3, limit_s=5)

    async def both() -> tuple[OpenLoad, OpenLoad]:
        return await asyncio.gather(send("flood", 800), send("polite", 10))

    flood, polite = asyncio.run(both())
    assert polite.statuses == {200: 30}, polite.first_failure
    assert set(flood.statuses) == {200, 429}, flood.first_failure
    assert flood.refused_without_retry_after == 0
