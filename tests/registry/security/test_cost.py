"""What the check of a token adds to a request: a script logs thousands of metrics, at about 250 µs each."""

import asyncio
import time

from starlette.types import Message, Receive, Scope, Send

from registry.api.security.access import AccessGuard
from registry.core.security.access import Role
from registry.core.security.tokens import WantedToken
from registry.operations.security.tokens import TokenTable, create_token
from registry.operations.workspace import Workspace

REQUESTS = 2000
MOST_US = 15.0


def test_recognising_a_token_takes_less_than_15_microseconds(workspace: Workspace) -> None:
    made = create_token(workspace, WantedToken(name="ada", role=Role.CONTRIBUTOR))
    headers = [(b"host", b"127.0.0.1"), (b"accept", b"*/*"), (b"authorization", b"Bearer " + made.secret.encode())]

    async def handle(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["state"]["who"] == "ada"

    async def receive() -> Message:
        raise AssertionError

    async def send(message: Message) -> None:
        raise AssertionError

    async def measure() -> float:
        guard = AccessGuard(handle, TokenTable(workspace))
        best_s = float("inf")
        for _ in range(7):
            began_s = time.process_time()
            for _ in range(REQUESTS):
                scope = {"type": "http", "path": "/api/2.0/mlflow/runs/log-metric", "headers": headers, "state": {}}
                await guard(scope, receive, send)
            best_s = min(best_s, time.process_time() - began_s)
        return best_s / REQUESTS * 1e6

    assert asyncio.run(measure()) < MOST_US
