import asyncio
from collections.abc import Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from serving.controller.app import create_app


def test_a_supervisor_that_goes_away_within_its_report_is_no_error(tmp_path: Path) -> None:
    nothing: Any = None
    app = create_app(nothing, nothing, tmp_path, lambda: 0.0, asynccontextmanager(nothing))
    scope = {"type": "http", "method": "POST", "path": "/v1/replicas/blue-1-0", "headers": [], "query_string": b""}
    messages: Iterator[dict[str, Any]] = iter(
        [{"type": "http.request", "body": b'{"replica"', "more_body": True}, {"type": "http.disconnect"}]
    )
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return next(messages)

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    assert sent[0]["status"] == 499
