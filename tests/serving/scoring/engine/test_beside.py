"""What is done beside the event loop has its request's time, and leaves nothing running."""

import asyncio
import gc
import threading
import time
from collections.abc import Iterator
from typing import Never

import pytest

from serving.scoring.engine.beside import Beside
from serving.scoring.errors import DeadlineExceeded, InvalidInput
from serving.scoring.runtimes.base import Call


def call(timeout_s: float = 20.0) -> Call:
    return Call("r", {}, time.monotonic() + timeout_s, round(timeout_s * 1000))


def for_ever() -> Never:
    while True:
        pass


def refused() -> Never:
    raise InvalidInput("no")


@pytest.fixture(params=[True, False], ids=["collected", "not collected"])
def collected(request: pytest.FixtureRequest) -> Iterator[bool]:
    """A process whose collector is on, or that a script has switched off."""
    if not request.param:
        gc.disable()
    yield request.param
    gc.enable()


def test_what_is_late_is_ended(collected: bool) -> None:
    with pytest.raises(DeadlineExceeded):
        asyncio.run(Beside(time.monotonic).do(for_ever, call(0.05)))  # which waits for the loop's threads
    assert gc.isenabled() == collected


def test_so_is_what_a_client_has_left() -> None:
    begun = threading.Event()

    def work() -> None:
        begun.set()
        for_ever()

    async def run() -> None:
        doing = asyncio.ensure_future(Beside(time.monotonic).do(work, call()))
        assert await asyncio.to_thread(begun.wait, 20)
        doing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await doing

    asyncio.run(run())
    assert gc.isenabled()


def test_the_collector_rests_until_the_last_is_done(collected: bool) -> None:
    beside, go = Beside(time.monotonic), threading.Event()

    async def run() -> None:
        first = asyncio.ensure_future(beside.do(lambda: go.wait(20), call()))
        assert await beside.do(gc.isenabled, call()) is False
        with pytest.raises(InvalidInput):
            await beside.do(refused, call())
        assert not gc.isenabled()
        go.set()
        await first

    asyncio.run(run())
    assert gc.isenabled() == collected
