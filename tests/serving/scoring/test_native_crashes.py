"""Requests that end onnxruntime itself: real models, real processes, and what is blamed for it."""

import contextlib
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from serving.node.running.blame_file import BlameFile
from tests.serving.scoring.models import dividing_model, write_image
from tests.serving.scoring.process import Process

POISON = -2


class Watched:
    """Scoring processes that share a table, and a supervisor's word on each that has died."""

    def __init__(self, stack: contextlib.ExitStack, folder: Path) -> None:
        self.table = stack.enter_context(BlameFile(folder / "table"))
        self._stack = stack
        self._folder = folder
        self._count = 0

    def start(self) -> Process:
        self._count += 1
        root = write_image(self._folder / f"image-{self._count}", model=dividing_model())
        one = Process(root, "--backend", "cancer.blue.1", environment={"SLIPWAY_BLAME": str(self.table.path)})
        self._stack.callback(one.close)
        one.wait()
        return one

    def death_of(self, one: Process) -> int:
        """Wait for it, note it, and return its end."""
        end = one.child.wait(10)
        self.table.note_death(time.monotonic())
        return end


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    with contextlib.ExitStack() as stack:
        yield Watched(stack, tmp_path)


def score(process: Process, *rows: int) -> httpx.Response | None:
    """Ask once; None stands for a process that died of it."""
    try:
        body = {"data": [[row] for row in rows]}
        return httpx.post(f"http://{process.http}/score", json=body, timeout=20, trust_env=False)
    except httpx.TransportError:
        return None


def infer(process: Process, row: int) -> httpx.Response | None:
    tensor = {"name": "x", "shape": [1, 1], "datatype": "INT32", "data": [row]}
    url = f"http://{process.http}/v2/models/linear/infer"
    with contextlib.suppress(httpx.TransportError):
        return httpx.post(url, json={"inputs": [tensor]}, timeout=20, trust_env=False)
    return None


def test_one_process_dies_unmarked_and_two_more_until_the_body_is_refused(watched: Watched) -> None:
    for ask in (score, infer, score):
        one = watched.start()
        assert ask(one, 1) is not None
        assert ask(one, POISON) is None
        assert watched.death_of(one) < 0
    last = watched.start()
    refused = infer(last, POISON)
    assert refused is not None
    assert (refused.status_code, "has ended two scoring processes" in refused.text) == (500, True)
    # Who comes together with it is answered.
    rows = [POISON if number == 20 else number for number in range(40)]
    with ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(lambda row: score(last, row), rows))
    statuses = [answer.status_code if answer else 0 for answer in answers]
    assert statuses == [500 if row == POISON else 200 for row in rows]


def test_what_a_process_died_of_is_known_once_another_has_died(watched: Watched) -> None:
    first, second = watched.start(), watched.start()
    assert score(first, POISON) is None
    assert watched.table.work_of(first.child.pid) is None
    watched.death_of(first)
    assert score(second, POISON) is None
    assert watched.table.work_of(second.child.pid) is not None
