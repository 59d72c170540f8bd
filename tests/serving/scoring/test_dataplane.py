"""Admission, deadlines, and where the work runs; time is an argument."""

import asyncio
import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from serving.scoring.dataplane import DataPlane
from serving.scoring.engine.workers import Workers
from serving.scoring.errors import DeadlineExceeded, InvalidInput, ModelFailed, Overloaded
from serving.scoring.runtimes.base import Call
from serving.scoring.tensors import Signature, Tensors, TensorSpec

ONE: Tensors = {"x": np.ones(1, dtype=np.float32)}


class Held:
    """A runtime whose runs wait for ``go``; it remembers the threads they ran on."""

    platform = "held"
    threads = 1

    def __init__(self, inline: bool = False) -> None:
        self.inline = inline
        self.signature: Signature | None = Signature([TensorSpec("x", "FP32", [-1])], [TensorSpec("x", "FP32", [-1])])
        self.go = threading.Event()
        self.began = threading.Event()
        self.ran_on: list[str] = []
        self.fails = False

    def infer(self, tensors: Tensors, call: Call) -> Tensors:
        self.ran_on.append(threading.current_thread().name)
        self.began.set()
        self.go.wait(20)
        if self.fails:
            raise ModelFailed("as it was told to")
        return tensors


@pytest.fixture
def make() -> Iterator[Callable[..., tuple[DataPlane, Held]]]:
    made: list[Held] = []

    def build(inline: bool = False, max_concurrent: int = 4, timeout_s: float = 5.0) -> tuple[DataPlane, Held]:
        runtime = Held(inline)
        made.append(runtime)
        return DataPlane(runtime, Workers(), max_concurrent, timeout_s), runtime

    yield build
    for runtime in made:
        runtime.go.set()


async def begun(runtime: Held) -> None:
    await asyncio.to_thread(runtime.began.wait, 20)


def test_more_than_the_allowed_are_refused_with_a_hint(make: Callable[..., tuple[DataPlane, Held]]) -> None:
    plane, runtime = make(max_concurrent=2)

    async def run() -> None:
        work = [asyncio.ensure_future(plane.infer(ONE, plane.call("r", {}))) for _ in range(4)]
        await begun(runtime)
        assert plane.in_flight == 4
        with pytest.raises(Overloaded) as refused:
            await plane.infer(ONE, plane.call("r", {}))
        assert refused.value.retry_after_s == 1
        runtime.go.set()
        await asyncio.gather(*work)
        assert plane.in_flight == 0

    asyncio.run(run())


def test_queued_work_is_not_begun_after_its_deadline(make: Callable[..., tuple[DataPlane, Held]]) -> None:
    plane, runtime = make()

    async def run() -> None:
        first = asyncio.ensure_future(plane.infer(ONE, plane.call("first", {})))
        await begun(runtime)
        with pytest.raises(DeadlineExceeded):
            await plane.infer(ONE, plane.call("late", {}, timeout_s=0.01))
        runtime.go.set()
        await first
        await plane.infer(ONE, plane.call("last", {}))

    asyncio.run(run())
    assert plane.executed == len(runtime.ran_on) == 2


def test_a_deadline_that_has_passed_is_seen_on_the_thread_itself(
    make: Callable[..., tuple[DataPlane, Held]],
) -> None:
    plane, runtime = make()
    runtime.go.set()

    async def run() -> None:
        with pytest.raises(DeadlineExceeded):
            await plane.infer(ONE, plane.call("late", {}, timeout_s=-1))

    asyncio.run(run())
    assert runtime.ran_on == []


def test_cancelled_work_that_is_queued_is_never_begun(make: Callable[..., tuple[DataPlane, Held]]) -> None:
    plane, runtime = make()

    async def run() -> None:
        first = asyncio.ensure_future(plane.infer(ONE, plane.call("first", {})))
        await begun(runtime)
        second = asyncio.ensure_future(plane.infer(ONE, plane.call("second", {})))
        await asyncio.sleep(0)
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
        assert plane.in_flight == 1
        runtime.go.set()
        await first
        await plane.infer(ONE, plane.call("last", {}))

    asyncio.run(run())
    assert len(runtime.ran_on) == 2


def test_a_quick_model_runs_on_the_loop_once_it_is_known_to_be_quick(
    make: Callable[..., tuple[DataPlane, Held]],
) -> None:
    plane, runtime = make(inline=True)
    runtime.go.set()

    async def run() -> None:
        for _ in range(3):
            await plane.infer(ONE, plane.call("r", {}))
        await plane.infer({"x": np.ones(1000, dtype=np.float32)}, plane.call("r", {}))  # a size not seen before

    asyncio.run(run())
    assert runtime.ran_on == ["model_0", "MainThread", "MainThread", "model_0"]


@pytest.mark.parametrize("rows_independent", [False, True])
def test_what_takes_half_a_millisecond_runs_on_the_loop_only_where_it_cannot_run_together(
    rows_independent: bool,
) -> None:
    now = [0.0]

    class HalfAMillisecond(Held):
        batch_threads = 1

        def infer(self, tensors: Tensors, call: Call) -> Tensors:
            now[0] += 0.0005
            return super().infer(tensors, call)

    runtime = HalfAMillisecond(inline=True)
    runtime.rows_independent = rows_independent  # type: ignore[attr-defined]
    runtime.go.set()
    plane = DataPlane(runtime, Workers(), 4, 5.0, clock=lambda: now[0])

    async def run() -> None:
        for _ in range(30):
            await plane.infer(ONE, plane.call("r", {}))

    asyncio.run(run())
    assert ("model_0" in runtime.ran_on[1:]) == rows_independent


@pytest.mark.parametrize(
    ("tensors", "named"),
    [
        ({}, "missing input 'x'"),
        ({**ONE, "y": ONE["x"]}, "unknown input 'y'"),
        ({"x": np.ones(1)}, "input 'x': expected datatype FP32, got FP64"),
        ({"x": np.ones((1, 1), dtype=np.float32)}, "input 'x': expected shape [-1], got [1, 1]"),
    ],
)
def test_what_does_not_fit_the_signature_is_refused_before_it_counts(
    make: Callable[..., tuple[DataPlane, Held]], tensors: Tensors, named: str
) -> None:
    plane, runtime = make()
    with pytest.raises(InvalidInput, match=named.replace("[", r"\[")):
        asyncio.run(plane.infer(tensors, plane.call("r", {})))
    assert (plane.in_flight, runtime.ran_on) == (0, [])


@pytest.mark.parametrize("inline", [False, True])
def test_what_was_answered_and_what_failed_is_counted(
    make: Callable[..., tuple[DataPlane, Held]], inline: bool
) -> None:
    plane, runtime = make(inline=inline)
    runtime.go.set()

    async def run() -> None:
        for rows in (1, 3, 3, 3, 0):
            await plane.infer({"x": np.ones(rows, dtype=np.float32)}, plane.call("r", {}))
        with pytest.raises(InvalidInput):
            await plane.infer({}, plane.call("r", {}))  # refused, so never begun
        runtime.fails = True
        with pytest.raises(ModelFailed):
            await plane.infer(ONE, plane.call("r", {}))

    asyncio.run(run())
    counted = plane.statistics
    assert (counted.succeeded, counted.items, counted.failed) == (5, 10, 1)
    assert counted.compute_s > 0
    assert counted.failed_s > 0
    assert counted.queue_s >= 0


def test_the_time_in_the_queue_and_late_requests_are_counted_apart(make: Callable[..., tuple[DataPlane, Held]]) -> None:
    plane, runtime = make()

    async def run() -> None:
        first = asyncio.ensure_future(plane.infer(ONE, plane.call("first", {})))
        await begun(runtime)
        second = asyncio.ensure_future(plane.infer(ONE, plane.call("second", {})))
        with pytest.raises(DeadlineExceeded):
            await plane.infer(ONE, plane.call("late", {}, timeout_s=0.05))
        runtime.go.set()
        await asyncio.gather(first, second)

    asyncio.run(run())
    counted = plane.statistics
    assert (counted.succeeded, counted.failed) == (2, 1)
    assert counted.queue_s >= counted.failed_s >= 0.05
    assert counted.last_began > 0
