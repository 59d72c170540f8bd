"""A request's way through the engine: its place, its time, its turn, and its answer."""

import asyncio
import contextlib
import gc
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from serving.scoring.engine.engine import Engine
from serving.scoring.engine.workers import Workers
from serving.scoring.errors import DeadlineExceeded, ModelFailed, Overloaded
from serving.scoring.runtimes.base import KEY_HEADER, Call


class Model:
    """One thread's work that waits for ``go``, and what was begun, by name."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.begun: list[str] = []
        self.began = threading.Event()

    def work(self, name: str) -> str:
        self.begun.append(name)
        self.began.set()
        assert self.go.wait(20)
        return name


class Desk:
    """Asks an engine for the model's work."""

    def __init__(self, engine: Engine, model: Model) -> None:
        self.engine = engine
        self.model = model

    def ask(self, name: str, timeout_s: float = 20.0, work: Callable[[], Any] | None = None) -> "asyncio.Task[Any]":
        """Ask, under the key that is the first letter of the name; refused at once if the task has ended already."""
        call = Call(name, {KEY_HEADER: name[:1].encode()}, time.monotonic() + timeout_s, round(timeout_s * 1000))
        return asyncio.ensure_future(self._asked(work or (lambda: self.model.work(name)), call))

    async def _asked(self, work: Callable[[], Any], call: Call) -> Any:
        ticket = self.engine.admit(work, call)
        try:
            return await self.engine.answer_of(ticket)
        finally:
            self.engine.leave(ticket)

    async def busy(self) -> None:
        """Return when the model's only thread is at work."""
        assert await asyncio.to_thread(self.model.began.wait, 20)


@pytest.fixture
def open_desk() -> Iterator[Callable[..., Desk]]:
    with contextlib.ExitStack() as stack:

        def make(max_concurrent: int = 4, max_queue_wait_s: float = 20.0) -> Desk:
            workers = stack.enter_context(contextlib.closing(Workers()))
            model = Model()
            stack.callback(model.go.set)
            return Desk(Engine(workers, max_concurrent, max_queue_wait_s, time.monotonic, lambda call: None), model)

        yield make


async def asked(*tasks: "asyncio.Task[Any]") -> None:
    """Let tasks run until they wait."""
    for _ in range(3):
        await asyncio.sleep(0)
    assert not [task for task in tasks if task.done()]


def test_what_waits_beyond_those_in_flight_is_refused_after_a_while(open_desk: Callable[..., Desk]) -> None:
    desk = open_desk(max_concurrent=2, max_queue_wait_s=0.02)

    async def run() -> None:
        first, second = desk.ask("a1"), desk.ask("a2")
        await desk.busy()
        beyond = desk.ask("a3")
        await asked(first, second, beyond)
        with pytest.raises(Overloaded, match="waited for 20 ms"):
            await beyond
        assert desk.engine.admission.refused == 1
        desk.model.go.set()
        assert [await first, await second] == ["a1", "a2"]

    asyncio.run(run())
    assert desk.model.begun == ["a1", "a2"]


def test_what_is_among_those_in_flight_by_then_waits_until_its_deadline(open_desk: Callable[..., Desk]) -> None:
    desk = open_desk(max_concurrent=2, max_queue_wait_s=0.05)

    async def run() -> None:
        first, second = desk.ask("a1"), desk.ask("a2")
        await desk.busy()
        beyond = desk.ask("a3", timeout_s=0.2)
        await asked(beyond)
        second.cancel()
        with pytest.raises(DeadlineExceeded):
            await beyond
        desk.model.go.set()
        await first

    asyncio.run(run())


def test_a_flooding_key_makes_room_for_another_and_has_its_turn_after_it(open_desk: Callable[..., Desk]) -> None:
    desk = open_desk(max_concurrent=2)

    async def run() -> None:
        flood = [desk.ask(f"a{number}") for number in range(4)]
        await desk.busy()
        await asked(*flood)
        more = desk.ask("a4")
        with pytest.raises(Overloaded, match="4 requests are in flight"):
            await more
        polite = desk.ask("b1")
        with pytest.raises(Overloaded, match="more requests in it"):
            await flood[3]  # its newest
        desk.model.go.set()
        await asyncio.gather(*flood[:3], polite)

    asyncio.run(run())
    assert desk.model.begun == ["a0", "b1", "a1", "a2"]
    assert desk.engine.admission.in_flight == 0


def test_who_comes_all_at_once_takes_no_more_places_than_are_fair(open_desk: Callable[..., Desk]) -> None:
    desk = open_desk(max_concurrent=3)

    async def run() -> None:
        first = [desk.ask(f"a{number}") for number in range(6)]
        await desk.busy()
        await asked(*first)
        crowd = [desk.ask(f"b{number}") for number in range(6)]
        await asyncio.sleep(0)  # they come in one turn of the loop, before who makes room for them has another
        assert desk.engine.admission.in_flight <= 6
        desk.model.go.set()
        await asyncio.gather(*first, *crowd, return_exceptions=True)

    asyncio.run(run())
    assert sorted(name[0] for name in desk.model.begun) == ["a", "a", "a", "b", "b", "b"]
    assert desk.engine.admission.in_flight == 0


def test_an_error_that_no_future_holds_is_an_answer_all_the_same(open_desk: Callable[..., Desk]) -> None:
    desk = open_desk()

    def stops() -> None:
        raise StopIteration

    async def run() -> None:
        with pytest.raises(RuntimeError, match="StopIteration"):
            await desk.ask("a1", work=stops)

    asyncio.run(run())


def test_what_could_not_be_done_in_time_is_refused_when_it_comes(open_desk: Callable[..., Desk]) -> None:
    desk = open_desk()
    for _ in range(2):
        desk.engine.admission.learn(0.5)

    async def run() -> None:
        first = desk.ask("a1", timeout_s=0.1)  # which need not wait, so it is begun
        await desk.busy()
        late = desk.ask("a2", timeout_s=0.9)
        with pytest.raises(Overloaded, match="within its 900 ms") as refused:
            await late
        assert refused.value.retry_after_s == 1
        desk.model.go.set()
        await first

    asyncio.run(run())
    assert desk.model.begun == ["a1"]


def test_what_can_no_longer_be_done_in_time_is_not_begun(open_desk: Callable[..., Desk]) -> None:
    desk = open_desk()

    async def run() -> None:
        first = desk.ask("a1")
        await desk.busy()
        second = desk.ask("a2", timeout_s=10)
        await asked(second)
        for _ in range(2):
            desk.engine.admission.learn(60.0)
        desk.model.go.set()
        await first
        with pytest.raises(Overloaded, match="within its 10000 ms"):
            await second

    asyncio.run(run())
    assert desk.model.begun == ["a1"]
    assert (desk.engine.executed, desk.engine.executed_after_deadline) == (1, 0)


def test_an_answer_comes_to_its_own_request_and_so_does_an_error(open_desk: Callable[..., Desk]) -> None:
    desk = open_desk()

    def fail() -> None:
        raise ModelFailed("as it was told to")

    async def run() -> list[Any]:
        asking = [desk.ask("a1"), desk.ask("a2", work=fail), desk.ask("b1"), desk.ask("a3")]
        await desk.busy()
        desk.model.go.set()
        return await asyncio.gather(*asking, return_exceptions=True)

    first, error, *others = asyncio.run(run())
    assert (first, others) == ("a1", ["b1", "a3"])
    assert isinstance(error, ModelFailed)


def test_an_answer_that_is_there_before_it_is_waited_for_is_not_lost(open_desk: Callable[..., Desk]) -> None:
    desk = open_desk()
    desk.model.go.set()

    async def run() -> str:
        call = Call("a1", {}, time.monotonic() + 20, 20_000)
        ticket = desk.engine.admit(lambda: desk.model.work("a1"), call)
        while not desk.engine.executed or desk.engine._line.idle == 0:  # the event loop stands still meanwhile
            time.sleep(0.001)  # noqa: ASYNC251
        try:
            return await desk.engine.answer_of(ticket)
        finally:
            desk.engine.leave(ticket)

    assert asyncio.run(run()) == "a1"


def test_an_answer_that_nobody_waits_for_harms_nobody(open_desk: Callable[..., Desk]) -> None:
    desk = open_desk()

    async def leave() -> None:
        desk.ask("a1")
        await desk.busy()

    asyncio.run(leave())  # the loop is closed, and the thread at work

    async def run() -> Any:
        following = desk.ask("a2")
        await asked(following)
        desk.model.go.set()
        return await following

    assert asyncio.run(run()) == "a2"


class Body:
    """What a request holds."""


@pytest.mark.parametrize("error", [None, ModelFailed, ValueError])
def test_nothing_of_a_request_is_kept_once_it_is_answered(
    open_desk: Callable[..., Desk], error: type[Exception] | None
) -> None:
    desk = open_desk()
    desk.model.go.set()

    def work(body: Body) -> None:
        if error is not None:
            raise error("no")

    async def ask_and_forget() -> "weakref.ref[Body]":
        body = Body()
        with contextlib.suppress(ModelFailed, ValueError):
            await desk.ask("a1", work=partial(work, body))
        return weakref.ref(body)

    async def run() -> "weakref.ref[Body]":
        kept = await ask_and_forget()
        await desk.ask("a2")  # the thread has put the one before aside
        return kept

    gc.disable()
    try:
        assert asyncio.run(run())() is None
    finally:
        gc.enable()
