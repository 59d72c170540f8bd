"""What becomes of a stream whose work fails."""

import asyncio
import logging
from typing import Any

import grpc
import pytest

from serving.scoring.oip.grpc_guard import Guard


class Context:
    """A call of which only this is asked."""

    def __init__(self, done: bool) -> None:
        self._done = done
        self.aborted: list[Any] = []

    def invocation_metadata(self) -> tuple[()]:
        return ()

    def set_trailing_metadata(self, trailers: Any) -> None:
        pass

    def done(self) -> bool:
        return self._done

    async def abort(self, code: Any, message: str) -> None:
        self.aborted.append(code)
        raise grpc.aio.AbortError


async def failing(context: Any, metadata: Any) -> None:
    raise RuntimeError("the call is closed")


def test_a_failure_after_the_client_has_gone_is_no_fault_of_ours(caplog: pytest.LogCaptureFixture) -> None:
    context = Context(done=True)
    asyncio.run(Guard(None, 100).stream(failing).stream_stream(None, context))
    assert context.aborted == []
    assert caplog.records == []


def test_a_failure_before_that_is_told_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    context = Context(done=False)
    with pytest.raises(grpc.aio.AbortError):
        asyncio.run(Guard(None, 100).stream(failing).stream_stream(None, context))
    assert context.aborted == [grpc.StatusCode.INTERNAL]
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
