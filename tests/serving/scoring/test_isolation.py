"""What a script may do to its process, and what becomes of the process and its other requests."""

import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from serving.node.running.blame_file import BlameFile
from tests.serving.scoring.models import write_image
from tests.serving.scoring.process import Process

# Runs what the request says.
SCRIPT = """
import ctypes, json, multiprocessing, os, signal, subprocess, sys, threading, time

def init(): ...

def square(number):
    return number * number

def run(data):
    asked = json.loads(data)
    if "do" in asked:
        names = {}
        exec(asked["do"], globals(), names)
        return names.get("result")
    return ctypes.string_at(0) if "data" in asked else os.getpid()  # a tensor
"""
SEGFAULT = "ctypes.string_at(0)"


@pytest.fixture
def process(start: Callable[..., Process]) -> Process:
    return start(script=SCRIPT)


def ask(process: Process, do: str | None = None, **settings: Any) -> httpx.Response:
    body = {} if do is None else {"do": do}
    return httpx.post(f"http://{process.http}/score", json=body, timeout=20, trust_env=False, **settings)


@pytest.mark.parametrize(
    "do", ["sys.exit(0)", "sys.exit('no')", "raise KeyboardInterrupt", "raise SystemExit", "raise MemoryError"]
)
def test_what_ends_a_program_fails_one_request(process: Process, do: str) -> None:
    answer = ask(process, do)
    assert answer.status_code == 500
    assert "failed: run() raised " in process.log_text()
    assert ask(process).json() == process.child.pid


def test_a_child_that_returns_from_run_ends_and_answers_nobody(process: Process) -> None:
    forked = "pid = os.fork()\nresult = ['child', 'parent'][pid > 0]\nif pid: os.waitpid(pid, 0)"
    for _ in range(3):
        assert ask(process, forked).json() == "parent"
    assert ask(process).json() == process.child.pid


@pytest.mark.parametrize(
    ("ending", "code"), [("sys.exit(3)", 3), ("sys.exit('no')", 1), ("1 / 0", 1), ("sys.exit()", 0), ("pass", 0)]
)
def test_a_child_that_ends_in_run_ends_with_its_own_code(process: Process, ending: str, code: int) -> None:
    forked = f"pid = os.fork()\nif pid: result = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])\nelse: {ending}"
    assert ask(process, forked).json() == code


def test_a_child_keeps_none_of_our_sockets(process: Process) -> None:
    with httpx.Client(base_url=f"http://{process.http}", trust_env=False) as client:
        lives_on = "pid = os.fork()\nif not pid: time.sleep(60)\nresult = pid"
        pid = client.post("/score", json={"do": lives_on}).json()
        ours = {int(port) for port in (process.news["http_port"], process.news["grpc_port"])}
        inodes = {inode for port, inode in _sockets() if port in ours}
        held = [str(entry.readlink()) for entry in Path(f"/proc/{pid}/fd").iterdir()]
        assert inodes
        assert not [name for name in held if name.removeprefix("socket:[").rstrip("]") in inodes]
    process.close()
    with pytest.raises(ConnectionRefusedError):  # as long as the child listened, nobody would be refused
        socket.create_connection(("127.0.0.1", process.news["http_port"]), 5).close()
    os.kill(pid, signal.SIGKILL)


def test_processes_of_the_scripts_own_work_as_ever(process: Process) -> None:
    pool = "with multiprocessing.get_context('fork').Pool(2) as pool: result = pool.map(abs, [-1, -2, 3])"
    assert ask(process, pool).json() == [1, 2, 3]
    assert (
        ask(process, "result = subprocess.run(['echo', 'hi'], capture_output=True, text=True).stdout").json() == "hi\n"
    )


def test_a_process_that_tells_itself_to_end_answers_what_it_has_begun(process: Process) -> None:
    answer = ask(process, "os.kill(os.getpid(), signal.SIGTERM); time.sleep(0.3); result = 'done'")
    assert answer.json() == "done"
    assert process.child.wait(10) == 0


def test_handlers_of_signals_stay_ours(process: Process) -> None:
    assert ask(process, "signal.signal(signal.SIGTERM, print)").status_code == 500
    assert "signal only works in main thread" in process.log_text()


class Replicas:
    """Scoring processes of one script that share a table, and begin anew when they have died as supervisors see to."""

    def __init__(self, folder: Path, table: Path, count: int) -> None:
        self._environment = {"SLIPWAY_BLAME": str(table)}
        self._folder = folder
        self.started: list[Process] = []
        for _ in range(count):
            self.start()

    def start(self) -> None:
        root = write_image(self._folder / str(len(self.started)), script=SCRIPT)
        one = Process(root, "--backend", "cancer.blue.1", environment=self._environment)
        self.started.append(one)
        one.wait()


@pytest.fixture
def replicas(tmp_path: Path) -> Iterator[Callable[[int], Replicas]]:
    with contextlib.ExitStack() as stack:

        def make(count: int) -> Replicas:
            table = stack.enter_context(BlameFile(tmp_path / "table"))
            assert table.path is not None
            made = Replicas(tmp_path, table.path, count)
            for one in made.started:
                stack.callback(one.close)
            return made

        yield make


def score(process: Process, do: str) -> httpx.Response | None:
    """Ask once; None stands for a process that died of it."""
    try:
        return ask(process, do)
    except httpx.TransportError:
        return None


@pytest.mark.parametrize("do", [SEGFAULT, "os._exit(0)", "os.abort()", "os.kill(os.getpid(), signal.SIGKILL)"])
def test_a_body_that_ends_processes_ends_two(replicas: Callable[[int], Replicas], do: str) -> None:
    three = replicas(3)
    answers = [score(one, do) for one in three.started]
    assert answers[:2] == [None, None]
    assert answers[2] is not None
    assert answers[2].status_code == 500
    assert "has ended two scoring processes" in answers[2].json()["message"]
    assert "slipway logs cancer/blue" in answers[2].json()["message"]
    assert ask(three.started[2]).json() == three.started[2].child.pid


def test_of_four_who_get_it_at_once_two_die(replicas: Callable[[int], Replicas]) -> None:
    four = replicas(4)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda one: score(one, SEGFAULT), four.started))
    assert sorted(answer.status_code if answer else 0 for answer in answers) == [0, 0, 500, 500]
    assert len([one for one in four.started if score(one, "result = 1")]) == 2


def test_what_came_to_an_end_once_is_not_held_up_by_its_own_kind(replicas: Callable[[int], Replicas]) -> None:
    three = replicas(3)
    slow = "time.sleep(0.1); result = 1"
    for one in three.started:
        assert ask(one, slow).json() == 1
    with ThreadPoolExecutor(3) as pool:
        began = time.monotonic()
        assert [answer.json() for answer in pool.map(lambda one: ask(one, slow), three.started)] == [1, 1, 1]
        assert time.monotonic() - began < 0.3


@pytest.mark.parametrize("steps", ["die()\n yield 1", "yield 1\n die()"], ids=["first piece", "after a piece"])
def test_an_answer_in_pieces_that_ends_its_process_is_refused_after_two(
    replicas: Callable[[int], Replicas], steps: str
) -> None:
    do = f"def pieces(die=lambda: os.kill(os.getpid(), signal.SIGKILL)):\n {steps}\nresult = pieces()"
    first, second, third = (score(one, do) for one in replicas(3).started)
    assert (first, second) == (None, None)
    assert third is not None
    assert "has ended two scoring processes" in third.json()["message"]


def test_the_end_of_an_answer_that_was_left_is_blamed_too(replicas: Callable[[int], Replicas]) -> None:
    do = "def pieces():\n try:\n  while True: yield 'x' * 1000\n finally: os._exit(1)\nresult = pieces()"
    first, second, third = replicas(3).started
    for one in (first, second):
        with httpx.stream("POST", f"http://{one.http}/score", json={"do": do}, timeout=20, trust_env=False) as answer:
            next(answer.iter_raw())
        one.child.wait(10)
    refused = score(third, do)
    assert refused is not None
    assert "has ended two scoring processes" in refused.json()["message"]


def test_every_door_refuses_what_ended_two(replicas: Callable[[int], Replicas]) -> None:
    three = replicas(3)
    document = {"inputs": [{"name": "x", "shape": [1, 1], "datatype": "FP32", "data": [1]}]}

    def infer(process: Process) -> httpx.Response | None:
        url = f"http://{process.http}/v2/models/linear/infer"
        with contextlib.suppress(httpx.TransportError):
            return httpx.post(url, json=document, timeout=20, trust_env=False)
        return None

    first, second, third = (infer(one) for one in three.started)
    assert (first, second) == (None, None)
    assert third is not None
    assert third.status_code == 500
    assert "has ended two scoring processes" in third.json()["error"]


def _sockets() -> list[tuple[int, str]]:
    """Return local port and inode of every TCP socket."""
    found = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            found.append((int(fields[1].rpartition(":")[2], 16), fields[9]))
    return found
