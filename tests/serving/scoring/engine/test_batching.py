"""What waits for a model's thread runs together, and everybody gets an answer of his own."""

import asyncio
import contextlib
import json
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from serving.scoring.dataplane import DataPlane
from serving.scoring.engine.batches import Limits, Part
from serving.scoring.engine.batching import Batching
from serving.scoring.engine.settings import EngineSettings
from serving.scoring.engine.workers import Workers
from serving.scoring.errors import DeadlineExceeded, InvalidInput, Overloaded
from serving.scoring.oip.model_statistics import model_statistics
from serving.scoring.runtimes.base import KEY_HEADER, Call
from serving.scoring.runtimes.blame import DIGESTS
from serving.scoring.runtimes.script_batches import BatchedScript
from serving.scoring.tensors import Signature, Tensors, TensorSpec
from tests.serving.scoring.engine.tickets import ticket

CULPRIT = -1.0
BUSY = 100.0  # waits until the thread may go on
SPEC = [TensorSpec("x", "FP32", [-1, -1])]


class Doubling:
    """A runtime that is never quick; ``ran`` holds the rows of each of its runs."""

    platform = "doubling"
    threads = batch_threads = 1
    inline = False

    def __init__(self, rows_independent: bool = True) -> None:
        self.rows_independent = rows_independent
        self.signature: Signature | None = Signature(SPEC, SPEC)
        self.go = threading.Event()
        self.began = threading.Event()
        self.ran: list[list[float]] = []
        self.sums = False

    def infer(self, tensors: Tensors, call: Call) -> Tensors:
        rows = tensors["x"][:, 0].tolist()
        self.ran.append(rows)
        if rows == [BUSY]:
            self.began.set()
            assert self.go.wait(20)
        if CULPRIT in rows:
            raise InvalidInput(f"refused {call.request_id}")
        return {"x": tensors["x"].sum(axis=0, keepdims=True) if self.sums else tensors["x"] * 2}


class Asker:
    """Asks a plane for several things while its only thread is busy."""

    def __init__(self, plane: DataPlane, runtime: Doubling) -> None:
        self.plane = plane
        self.runtime = runtime

    def ask(self, *requests: list[float], timeouts_s: dict[int, float] | None = None) -> list[Any]:
        """Return the first column of each answer, or what was raised instead."""
        return asyncio.run(self._asked(requests, timeouts_s or {}))

    async def _asked(self, requests: tuple[list[float], ...], timeouts_s: dict[int, float]) -> list[Any]:
        busy = asyncio.ensure_future(self._one("busy", [BUSY], None))
        await asyncio.to_thread(self.runtime.began.wait, 20)
        asked = [
            asyncio.ensure_future(self._one(f"r{place}", rows, timeouts_s.get(place)))
            for place, rows in enumerate(requests)
        ]
        await asyncio.sleep(0)
        late = [asked[place] for place in timeouts_s]
        if late:
            await asyncio.wait(late)
        self.runtime.go.set()
        await busy
        return list(await asyncio.gather(*asked, return_exceptions=True))

    async def _one(self, name: str, rows: list[float], timeout_s: float | None) -> list[float]:
        tensors = {"x": np.array([[row] for row in rows], dtype=np.float32).reshape(-1, 1)}
        outputs = await self.plane.infer(tensors, self.plane.call(name, {}, timeout_s))
        return [float(value) for value in outputs["x"][:, 0]]


@pytest.fixture
def asker() -> Iterator[Callable[..., Asker]]:
    with contextlib.ExitStack() as stack:

        def make(rows_independent: bool = True, **settings: Any) -> Asker:
            runtime, workers = Doubling(rows_independent), stack.enter_context(contextlib.closing(Workers()))
            return Asker(DataPlane(runtime, workers, 64, 20.0, EngineSettings(**settings)), runtime)

        yield make


def test_what_waits_runs_together_and_each_gets_its_own(asker: Callable[..., Asker]) -> None:
    asking = asker()
    assert asking.ask([1.0], [2.0, 3.0], [4.0]) == [[2.0], [4.0, 6.0], [8.0]]
    assert asking.runtime.ran == [[BUSY], [1.0, 2.0, 3.0, 4.0]]
    assert asking.plane.executed == 4


def test_only_the_culprit_of_a_batch_fails_with_an_error_of_its_own(asker: Callable[..., Asker]) -> None:
    asking = asker()
    answers = asking.ask(*([float(row)] if row != 11 else [CULPRIT] for row in range(32)))
    assert str(answers.pop(11)) == "refused r11"
    assert answers == [[2.0 * row] for row in range(32) if row != 11]
    assert asking.plane.engine.executed_after_deadline == 0
    assert asking.plane.executed == 33


def test_a_request_without_rows_runs_by_itself(asker: Callable[..., Asker]) -> None:
    asking = asker()
    assert asking.ask([1.0], [], [2.0]) == [[2.0], [], [4.0]]
    assert asking.runtime.ran == [[BUSY], [1.0, 2.0], []]


def test_a_batch_has_no_more_rows_than_it_may(asker: Callable[..., Asker]) -> None:
    asking = asker(batch_max_rows=2)
    asking.ask([1.0], [2.0], [3.0, 4.0, 5.0], [6.0])
    assert asking.runtime.ran == [[BUSY], [1.0, 2.0], [3.0, 4.0, 5.0], [6.0]]


@pytest.mark.parametrize(
    ("rows_independent", "batching", "runs"),
    [(True, "off", 3), (False, "auto", 3), (False, "on", 2), (True, "auto", 2)],
)
def test_only_rows_that_are_independent_or_declared_to_be_run_together(
    asker: Callable[..., Asker], rows_independent: bool, batching: str, runs: int
) -> None:
    asking = asker(rows_independent, batching=batching)
    assert asking.ask([1.0], [2.0]) == [[2.0], [4.0]]
    assert len(asking.runtime.ran) == runs


def test_who_is_late_is_left_out_and_holds_up_nobody(asker: Callable[..., Asker]) -> None:
    asking = asker()
    answers = asking.ask([1.0], [2.0], [3.0], timeouts_s={1: 0.05})
    assert isinstance(answers.pop(1), DeadlineExceeded)
    assert answers == [[2.0], [6.0]]
    assert asking.runtime.ran == [[BUSY], [1.0, 3.0]]


def test_outputs_that_are_not_one_for_each_row_end_batching_for_good(
    asker: Callable[..., Asker], caplog: pytest.LogCaptureFixture
) -> None:
    asking = asker()
    asking.runtime.sums = True
    assert asking.ask([1.0], [2.0], [3.0]) == [[1.0], [2.0], [3.0]]
    assert asking.runtime.ran == [[BUSY], [1.0, 2.0, 3.0], [1.0], [2.0], [3.0]]
    asking.runtime.go.clear()
    asking.runtime.began.clear()
    assert asking.ask([4.0], [5.0]) == [[4.0], [5.0]]
    assert asking.runtime.ran[5:] == [[BUSY], [4.0], [5.0]]
    assert caplog.text.count("requests run one by one from now on: 3 rows together gave outputs of {'x': [1, 1]}") == 1


def test_statistics_count_runs_by_their_rows(asker: Callable[..., Asker]) -> None:
    asking = asker()
    asking.ask([1.0], [2.0, 3.0], [CULPRIT])
    rendered = model_statistics("m", "1", asking.plane.statistics, 0)
    assert (rendered["inference_count"], rendered["execution_count"]) == (4, 3)  # the busy one, [1.0], [2.0, 3.0]
    assert rendered["inference_stats"]["success"]["count"] == 3
    sizes = [(batch["batch_size"], batch["compute_infer"]["count"]) for batch in rendered["batch_stats"]]
    assert sizes == [(1, 2), (2, 1)]


class Timed:
    """What runs parts on a clock of its own, and takes ``once_s``, and ``each_s`` for each of them."""

    def __init__(self, once_s: float, each_s: float) -> None:
        self.now = 0.0
        self.once_s = once_s
        self._each_s = each_s
        self._batching = Batching(self, Limits(), lambda: self.now)

    def part(self, asked: Any, call: Call) -> Part:
        raise AssertionError

    def run(self, parts: Sequence[Part]) -> Sequence[None]:
        self.now += self.once_s + self._each_s * len(parts)
        return [None] * len(parts)

    def serve(self, waiting: int, within_s: float = 1.0) -> int:
        """Have requests wait, and say how many of them ran together."""
        parts = [Part(None, Call("r", {}, self.now + within_s, 1000), "kind", 1, 1000) for _ in range(waiting)]
        first, *others = [ticket("r", part) for part in parts]
        count = 1 + len(list(self._batching.company(first, iter(others))))
        self._batching.run(parts[:count])
        return count


def test_one_stall_does_not_end_larger_batches_for_good() -> None:
    timed = Timed(once_s=0.005, each_s=0.0)
    assert [timed.serve(waiting) for waiting in (1, 2, 4)] == [1, 2, 4]
    timed.once_s = 1.5
    assert timed.serve(8) == 8
    timed.once_s = 0.005
    assert timed.serve(16) < 8
    assert [timed.serve(16) for _ in range(40)][-10:] == [16] * 10


def test_what_is_rightly_expected_to_take_too_long_is_never_formed() -> None:
    timed = Timed(once_s=0.0, each_s=0.2)
    assert timed.serve(1) == 1
    assert max(timed.serve(16) for _ in range(100)) == 4


def test_nothing_joins_what_is_late_before_anything_is_known() -> None:
    timed = Timed(once_s=0.005, each_s=0.0)
    assert timed.serve(2, within_s=-1.0) == 1


SCRIPT = """
import json, threading
def init(): ...
def run(data): raise AssertionError
def run_batch(inputs):
    bodies = [json.loads(text) for text in inputs]
    if "boom" in str(bodies):
        raise ValueError("boom")
    return [[body, len(inputs)] for body in bodies] if "short" not in str(bodies) else []
"""


def test_a_scripts_requests_run_together_through_every_door(make_plane: Callable[..., DataPlane]) -> None:
    plane = make_plane(script=SCRIPT)
    assert isinstance(plane.runtime, BatchedScript)

    async def answers() -> list[Any]:
        gate = threading.Event()
        plane.engine.errand(lambda: _wait(gate))
        tensor = {"x": np.array([[1.0]])}
        asked = [
            asyncio.ensure_future(plane.run_script('"a"', plane.call("a", {}))),
            asyncio.ensure_future(plane.infer(tensor, plane.call("t", {}))),
            asyncio.ensure_future(plane.run_script('"boom"', plane.call("b", {}))),
            asyncio.ensure_future(_generated(plane)),
        ]
        await asyncio.sleep(0)
        assert plane.engine.waiting == len(asked)
        gate.set()
        return list(await asyncio.gather(*asked, return_exceptions=True))

    first, tensors, failed, generated = asyncio.run(answers())
    assert json.loads(first) == ["a", 2]
    assert tensors["output_0"].tolist() == [json.dumps([{"data": [[1.0]]}, 2])]
    assert "boom" in str(failed)
    assert json.loads(generated) == ["g", 1]


async def _generated(plane: DataPlane) -> bytes:
    answers = await plane.stream_results('"g"', plane.call("g", {}))
    (only,) = [answer async for answer in answers]
    return only


def test_a_script_is_asked_no_more_at_once_than_can_be_blamed_for_its_end(make_plane: Callable[..., DataPlane]) -> None:
    plane = make_plane(script=SCRIPT, max_concurrent=100)

    async def answers() -> list[bytes]:
        gate = threading.Event()
        plane.engine.errand(lambda: _wait(gate))
        asked = [asyncio.ensure_future(plane.run_script(str(n), plane.call("r", {}))) for n in range(DIGESTS + 10)]
        await asyncio.sleep(0)
        gate.set()
        return list(await asyncio.gather(*asked))

    assert [json.loads(answer)[1] for answer in asyncio.run(answers())] == [DIGESTS] * DIGESTS + [10] * 10


def _wait(gate: threading.Event) -> None:
    assert gate.wait(20)


def test_a_lone_request_takes_the_same_way(make_ask: Callable[..., Any]) -> None:
    ask = make_ask(script=SCRIPT)
    assert json.loads(ask("POST", "/score", {"n": 1}).body) == [{"n": 1}, 1]
    assert json.loads(ask("POST", "/invocations", {"n": 1}).body) == {"predictions": [{"n": 1}, 1]}
    assert json.loads(ask("GET", "/score?n=1").body) == [{"n": 1}, 1]
    assert ask("POST", "/score", {"n": "boom"}).status == 500
    assert ask("POST", "/score", {"n": "short"}).status == 500


def test_without_batching_only_run_is_called(make_plane: Callable[..., DataPlane]) -> None:
    plane = make_plane(
        script=SCRIPT.replace("raise AssertionError", "return 'run'"), settings=EngineSettings(batching="off")
    )
    assert asyncio.run(plane.run_script("1", plane.call("r", {}))) == b'"run"'


def test_whatever_is_mixed_cancelled_or_late_each_answer_is_of_its_own_request() -> None:
    choose = random.Random(7)
    runtime = Doubling()

    async def ask(plane: DataPlane, name: str) -> None:
        count, width = choose.randrange(5), choose.choice([1, 1, 2])
        rows = np.array([[float(choose.randrange(1, 1 << 20))] * width for _ in range(count)], dtype=np.float32)
        rows = rows.reshape(count, width)
        bad = count > 0 and choose.random() < 0.1
        if bad:
            rows[choose.randrange(count)] = CULPRIT
        key = choose.choice([b"one", b"other"])
        call = plane.call(name, {KEY_HEADER: key}, choose.choice([20.0, 20.0, 20.0, 0.001]))
        task = asyncio.ensure_future(plane.infer({"x": rows}, call))
        if choose.random() < 0.05:
            asyncio.get_running_loop().call_soon(task.cancel)
        try:
            answer = await task
        except InvalidInput as error:
            assert bad
            assert str(error) == f"refused {name}"
        except (DeadlineExceeded, Overloaded, asyncio.CancelledError):
            pass
        else:
            assert not bad
            assert answer["x"].tolist() == (rows * 2).tolist()

    async def client(plane: DataPlane, number: int) -> None:
        for turn in range(20):
            await ask(plane, f"r{number}.{turn}")

    async def clients() -> DataPlane:
        with contextlib.closing(Workers(2)) as workers:
            plane = DataPlane(runtime, workers, 64, 20.0, EngineSettings(batch_max_rows=40))
            await asyncio.gather(*(client(plane, number) for number in range(40)))
        return plane

    plane = asyncio.run(clients())
    assert 1 < max(len(rows) for rows in runtime.ran) <= 40
    assert (plane.in_flight, plane.engine.waiting) == (0, 0)
