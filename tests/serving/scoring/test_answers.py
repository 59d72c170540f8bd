"""Answers one after another: whose thread, whose turn, and when the model's iterator ends."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from serving.scoring.answers import Answers
from serving.scoring.dataplane import DataPlane
from serving.scoring.engine.workers import Workers
from serving.scoring.errors import DeadlineExceeded, ManyAnswers, Overloaded, ScriptFailed, ScriptResultInvalid
from serving.scoring.runtimes.base import Call, Posted
from serving.scoring.tensors import Signature, Tensors

ROW: Tensors = {"x": np.ones((1, 1), dtype=np.float32)}


class Counting:
    """Gives as many answers as it is told, and remembers what happened on which thread."""

    platform = "counting"
    threads = 1
    inline = False
    signature: Signature | None = None
    decoupled = True

    def __init__(self, answers: int = 3) -> None:
        self.answers = answers
        self.events: list[str] = []
        self.began = threading.Event()
        self.closed = threading.Event()
        self.hold = threading.Event()
        self.hold.set()

    def infer(self, tensors: Tensors, call: Call) -> Tensors:
        self.events.append("infer")
        return tensors

    def stream(self, tensors: Tensors, call: Call) -> Iterator[Tensors]:
        try:
            for number in range(self.answers):
                self.began.set()
                self.hold.wait(20)
                self.events.append(f"{number} on {threading.current_thread().name}")
                yield {"n": np.array([number])}
        finally:
            self.events.append(f"closed on {threading.current_thread().name}")
            self.closed.set()


def plane_of(runtime: Any, max_concurrent: int = 4, timeout_s: float = 5.0) -> DataPlane:
    return DataPlane(runtime, Workers(), max_concurrent, timeout_s)


async def closed(runtime: Counting) -> None:
    assert await asyncio.to_thread(runtime.closed.wait, 20)


def test_every_answer_is_made_on_the_models_thread_when_it_is_asked_for() -> None:
    runtime = Counting()
    plane = plane_of(runtime)

    async def run() -> None:
        answers = await plane.stream(ROW, plane.call("r", {}))
        assert runtime.events == ["0 on model_0"]
        assert plane.in_flight == 1
        assert [int(answer["n"][0]) async for answer in answers] == [0, 1, 2]
        await closed(runtime)

    asyncio.run(run())
    assert runtime.events[1:] == ["1 on model_0", "2 on model_0", "closed on model_0"]
    assert (plane.in_flight, plane.executed) == (0, 1)


def test_other_requests_have_their_turns_between_answers() -> None:
    runtime = Counting()
    plane = plane_of(runtime)

    async def run() -> None:
        answers = await plane.stream(ROW, plane.call("r", {}))
        await plane.infer(ROW, plane.call("other", {}))
        await answers.aclose()

    asyncio.run(run())
    assert runtime.events[:2] == ["0 on model_0", "infer"]


def test_a_stream_counts_among_the_requests_in_flight_until_it_is_closed() -> None:
    runtime = Counting()
    plane = plane_of(runtime, max_concurrent=1)

    async def run() -> None:
        waiting = await plane.stream(ROW, plane.call("as many may wait", {}))
        answers = await plane.stream(ROW, plane.call("r", {}))
        with pytest.raises(Overloaded):
            await plane.stream(ROW, plane.call("other", {}))
        await waiting.aclose()
        await answers.aclose()
        await answers.aclose()
        await closed(runtime)
        await (await plane.stream(ROW, plane.call("next", {}))).aclose()

    asyncio.run(run())
    assert plane.in_flight == 0


def test_closing_ends_the_models_iterator_on_its_own_thread() -> None:
    runtime = Counting(1_000_000)
    plane = plane_of(runtime)

    async def run() -> None:
        answers = await plane.stream(ROW, plane.call("r", {}))
        await answers.aclose()
        assert [answer async for answer in answers] == []
        await closed(runtime)

    asyncio.run(run())
    assert runtime.events == ["0 on model_0", "closed on model_0"]


def test_the_deadline_ends_a_stream_whose_reader_is_slow() -> None:
    runtime = Counting(1_000_000)
    plane = plane_of(runtime)

    async def run() -> None:
        answers = await plane.stream(ROW, plane.call("r", {}, timeout_s=0.05))
        await closed(runtime)  # nobody reads
        assert plane.in_flight == 0
        with pytest.raises(DeadlineExceeded):
            await anext(answers)

    asyncio.run(run())


def test_the_deadline_ends_a_stream_whose_model_is_slow() -> None:
    runtime = Counting()
    plane = plane_of(runtime)

    async def run() -> None:
        answers = await plane.stream(ROW, plane.call("r", {}, timeout_s=0.1))
        await anext(answers)
        runtime.hold.clear()
        with pytest.raises(DeadlineExceeded):
            await anext(answers)
        assert plane.in_flight == 0
        assert not runtime.closed.is_set()  # nothing can end what is running
        runtime.hold.set()
        await closed(runtime)

    asyncio.run(run())
    assert runtime.events[-1] == "closed on model_0"


def test_a_client_that_leaves_before_the_first_answer_holds_no_place() -> None:
    runtime = Counting()
    runtime.hold.clear()
    plane = plane_of(runtime)

    async def run() -> None:
        asking = asyncio.ensure_future(plane.stream(ROW, plane.call("r", {})))
        assert await asyncio.to_thread(runtime.began.wait, 20)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        assert plane.in_flight == 0
        runtime.hold.set()
        await closed(runtime)

    asyncio.run(run())


def test_a_queued_stream_whose_client_left_is_never_begun() -> None:
    runtime, other = Counting(), Counting()
    runtime.hold.clear()
    plane = plane_of(runtime)

    async def run() -> None:
        first = asyncio.ensure_future(plane.stream(ROW, plane.call("r", {})))
        assert await asyncio.to_thread(runtime.began.wait, 20)
        plane.runtime = other
        second = asyncio.ensure_future(plane.stream(ROW, plane.call("second", {})))
        for _ in range(3):
            await asyncio.sleep(0)
        assert plane.in_flight == 2
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
        runtime.hold.set()
        await (await first).aclose()
        await closed(runtime)

    asyncio.run(run())
    assert (plane.in_flight, plane.executed, other.events) == (0, 1, [])


# A script that yields


async def posted(plane: DataPlane, data: str, call: Call) -> Answers[bytes] | bytes:
    answer, pieces = await plane.score_script(Posted(data.encode()), call)
    return answer.body if pieces is None else pieces


def read(answers: Answers[Any] | bytes) -> Any:
    async def pieces() -> list[Any]:
        assert not isinstance(answers, bytes)
        return [piece async for piece in answers]

    return pieces()


def run_script(plane: DataPlane) -> list[bytes]:
    async def run() -> list[bytes]:
        pieces: list[bytes] = await read(await posted(plane, "{}", plane.call("r", {})))
        return pieces

    return asyncio.run(run())


def test_what_a_script_yields_comes_piece_by_piece(make_plane: Callable[..., DataPlane]) -> None:
    plane = make_plane(
        script="def init(): ...\ndef run(data):\n    yield 'ü'\n    yield b'\\x00'\n    yield {'a': 1}\n"
    )
    assert run_script(plane) == ["ü".encode(), b"\x00", b'{"a": 1}\n']


def test_a_script_that_returns_an_iterator_yields(make_plane: Callable[..., DataPlane]) -> None:
    assert run_script(make_plane(script="def init(): ...\ndef run(data): return map(str, range(3))\n")) == [
        b"0",
        b"1",
        b"2",
    ]


def test_a_script_that_returns_a_list_answers_once(make_plane: Callable[..., DataPlane]) -> None:
    plane = make_plane(script="def init(): ...\ndef run(data): return [1, 2]\n")
    assert asyncio.run(posted(plane, "{}", plane.call("r", {}))) == b"[1, 2]"


def test_each_result_that_is_yielded_is_an_output(make_plane: Callable[..., DataPlane]) -> None:
    plane = make_plane(script="def init(): ...\ndef run(data):\n    yield [1.0]\n    yield [2.0, 3.0]\n")

    async def run() -> Any:
        return await read(await plane.stream(ROW, plane.call("r", {})))

    assert [answer["output_0"].tolist() for answer in asyncio.run(run())] == [[1.0], [2.0, 3.0]]


@pytest.mark.parametrize("count", [0, 2])
def test_who_asks_for_one_answer_is_told_that_there_are_others(
    make_plane: Callable[..., DataPlane], count: int
) -> None:
    plane = make_plane(script=f"def init(): ...\ndef run(data):\n    yield from range({count})\n")
    with pytest.raises(ManyAnswers):
        asyncio.run(plane.infer(ROW, plane.call("r", {})))
    with pytest.raises(ManyAnswers):
        asyncio.run(plane.run_script("{}", plane.call("r", {})))


def test_a_script_that_yields_once_answers_once(make_plane: Callable[..., DataPlane]) -> None:
    plane = make_plane(script="def init(): ...\ndef run(data):\n    yield [1.0]\n")
    assert asyncio.run(plane.infer(ROW, plane.call("r", {})))["output_0"].tolist() == [1.0]
    assert asyncio.run(plane.run_script("{}", plane.call("r", {}))) == b"[1.0]\n"


@pytest.mark.parametrize(
    ("lines", "error"),
    [
        ("raise ValueError('no')", ScriptFailed),
        ("raise SystemExit(3)", ScriptFailed),
        ("yield {1, 2}", ScriptResultInvalid),
        ("yield chr(0xd800)", ScriptResultInvalid),
    ],
)
def test_an_error_after_an_answer_is_the_scripts(
    make_plane: Callable[..., DataPlane], caplog: pytest.LogCaptureFixture, lines: str, error: type[Exception]
) -> None:
    plane = make_plane(script=f"def init(): ...\ndef run(data):\n    yield 'a'\n    {lines}\n")

    async def run() -> None:
        answers = await posted(plane, "{}", plane.call("r7", {}))
        assert not isinstance(answers, bytes)
        assert await anext(answers) == b"a"
        with pytest.raises(error):
            await anext(answers)

    asyncio.run(run())
    assert plane.in_flight == 0
    assert "request r7 failed" in caplog.text


def test_a_script_whose_end_raises_is_logged_and_harms_nobody(
    make_plane: Callable[..., DataPlane], caplog: pytest.LogCaptureFixture
) -> None:
    script = """
import threading
def init(): ...
def run(data):
    try:
        yield "a"
        yield "b"
    finally:
        raise SystemExit(threading.current_thread().name)
"""
    plane = make_plane(script=script)

    async def run() -> bytes:
        answers = await posted(plane, "{}", plane.call("r8", {}))
        assert not isinstance(answers, bytes)
        await answers.aclose()
        other = await posted(plane, "{}", plane.call("next", {}))
        assert not isinstance(other, bytes)
        piece = await anext(other)
        await other.aclose()
        return piece

    assert asyncio.run(run()) == b"a"
    assert "request r8: the end of what run() yields raised SystemExit: model_0" in caplog.text
