"""What runs on the model's thread for too long is ended, so that the next request finds it free."""

import asyncio
import json
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from serving.scoring.errors import DeadlineExceeded
from serving.scoring.runtimes.base import Call, Posted
from serving.scoring.runtimes.interruption import Interruption

LOOPS = """
import json
def init(): ...
def spin():
    while True:
        pass
def run(data):
    return spin() if "spin" in data else [[1.0]]
"""
YIELDS = """
def init(): ...
def run(data):
    yield "one"
    while "spin" in data:
        pass
"""

ENDLESS_END = """
import time
def init(): ...
def run(data):
    try:
        yield "one"
    finally:
        until = time.monotonic() + 10
        while time.monotonic() < until:
            pass
"""


def test_a_run_over_its_time_frees_the_thread(make_ask: Callable[..., Any], caplog: pytest.LogCaptureFixture) -> None:
    ask = make_ask(script=LOOPS, timeout_s=0.2)
    for path in ("/score", "/invocations", "/v2/models/linear/generate"):
        late = ask("POST", path, {"data": "spin"}, content_type="application/json", x_request_id="r5")
        assert late.status >= 500
        assert ask("POST", path, {"data": 1}, content_type="application/json").status == 200
    assert "request r5 failed: run() raised TimeoutError (score.py:" in caplog.text


def test_an_answer_that_never_comes_to_its_end_frees_the_thread(make_plane: Callable[..., Any]) -> None:
    plane = make_plane(script=YIELDS, timeout_s=0.2)

    async def read(data: str) -> list[bytes]:
        _, pieces = await plane.score_script(Posted(data.encode()), plane.call("r", {}))
        return [piece async for piece in pieces]

    with pytest.raises(DeadlineExceeded):
        asyncio.run(read(json.dumps("spin")))
    assert asyncio.run(read("{}")) == [b"one"]


def test_an_end_that_never_comes_to_its_end_frees_the_thread(
    make_plane: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    runtime, call = make_plane(script=ENDLESS_END).runtime, Call("r", {}, math.inf, 5000)
    pieces = runtime.run(Posted(b"1"), call)
    assert next(iter(pieces)) == b"one"
    with ThreadPoolExecutor(1) as threads:
        closed = threads.submit(pieces.close)
        while not closed.done():
            runtime.interrupt(call)
    assert "the end of what run() yields raised TimeoutError" in caplog.text


@pytest.mark.parametrize("batch", [False, True])
def test_what_is_late_when_it_has_been_read_is_never_begun(make_plane: Callable[..., Any], batch: bool) -> None:
    script = "begun = []\ndef init(): ...\ndef run(data): begun.append(data); return begun\n"
    more = "def run_batch(inputs): begun.extend(inputs); return [begun] * len(inputs)\n" if batch else ""
    runtime, late = make_plane(script=script + more).runtime, Call("r", {}, time.monotonic(), 100)
    with pytest.raises(DeadlineExceeded):
        runtime.answer_all([(Posted(b"1"), late)]) if batch else runtime.run(Posted(b"1"), late)
    assert runtime.run(Posted(b"2"), Call("r", {}, math.inf, 100)).body == b'["2"]'


def test_only_what_is_meant_is_ended() -> None:
    interruption, mine, others = Interruption(), object(), object()
    begun, over = threading.Event(), threading.Event()

    def work() -> str:
        with interruption.of(mine):
            begun.set()
            over.wait(10)
        return "whole"

    with ThreadPoolExecutor(1) as threads:
        future = threads.submit(work)
        begun.wait(10)
        interruption.end(others)
        over.set()
        assert future.result(10) == "whole"
        interruption.end(mine)  # which has ended itself
        assert threads.submit(lambda: sum(range(100_000))).result(10) == 4_999_950_000


def test_what_runs_for_several_is_ended_when_nobody_waits_for_it() -> None:
    interruption, mine, others = Interruption(), object(), object()
    begun, over = threading.Event(), threading.Event()

    def work() -> str:
        try:
            with interruption.of(mine, others):
                begun.set()
                while not over.wait(0.01):
                    pass
                while True:
                    pass
        except TimeoutError:
            return f"ended, over: {over.is_set()}"

    with ThreadPoolExecutor(1) as threads:
        future = threads.submit(work)
        begun.wait(10)
        interruption.end(mine)
        interruption.end(mine)
        over.set()
        interruption.end(others)
        assert future.result(10) == "ended, over: True"


def test_what_was_ended_too_late_disturbs_nothing_after_it() -> None:
    interruption, work = Interruption(), object()

    def ended_at_its_end() -> int:
        for _ in range(1000):
            try:
                with interruption.of(work):
                    interruption.end(work)
            except TimeoutError:
                pass
            sum(range(50))  # where a late one would be raised
        return 1000

    with ThreadPoolExecutor(1) as threads:
        assert threads.submit(ended_at_its_end).result(30) == 1000
