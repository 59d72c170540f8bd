"""The table of bodies that end processes, among real processes."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from serving.node.running.blame_file import BlameFile
from serving.scoring.errors import BodyRefused
from serving.scoring.runtimes import blame
from serving.scoring.runtimes.blame import NO_BLAME, digest_of, digest_of_tensors, open_blame

_processes = get_context("fork")
BODY, OTHER = digest_of(b"poison", b""), digest_of(b"good", b"")


def noon() -> float:
    """A clock that stands, by which whoever waits does so until there is a reason to go on."""
    return 43_200.0


class Worker:
    """A process with a slot in the table: told to begin, to end, or killed."""

    def __init__(self, path: Path, clock: Callable[[], float] = noon) -> None:
        self._orders, orders = _processes.Pipe()
        self._process = _processes.Process(target=_work, args=(str(path), orders, clock), daemon=True)
        self._process.start()
        orders.close()
        assert self._orders.recv() == "there"

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def begin(self, *digests: bytes) -> None:
        self._orders.send(digests or (BODY,))

    @property
    def answer(self) -> Any:
        """Whether what it was told to begin was begun."""
        assert self._orders.poll(10)
        return self._orders.recv()

    @property
    def has_answered(self) -> bool:
        return self._orders.poll(0.02)

    def end(self) -> None:
        self._orders.send("end")
        assert self._orders.recv() == "ended"

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        self._process.join()
        self._orders.close()

    def stop(self) -> None:
        if self._process.is_alive():
            self.kill()


def _work(path: str, orders: Connection, clock: Callable[[], float]) -> None:
    table = open_blame(path, "slipway logs cancer/blue", clock)
    orders.send("there" if table is not NO_BLAME else "nowhere")
    with contextlib.suppress(EOFError):
        while True:
            digests = orders.recv()
            try:
                with table.of(digests, "request-7"):
                    orders.send("begun")
                    assert orders.recv() == "end"
            except BodyRefused as error:
                orders.send(error.message)
                continue
            table.acquit(digests)
            orders.send("ended")


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    with BlameFile(tmp_path / "table") as table:
        assert table.path is not None
        yield table.path


@pytest.fixture
def worker(path: Path) -> Iterator[Callable[..., Worker]]:
    with contextlib.ExitStack() as stack:

        def make(clock: Callable[[], float] = noon) -> Worker:
            one = Worker(path, clock)
            stack.callback(one.stop)
            return one

        yield make


def die_of(one: Worker, *digests: bytes) -> None:
    one.begin(*digests)
    assert one.answer == "begun"
    one.kill()


def test_a_body_that_ended_two_processes_is_refused_at_once_by_every_other(worker: Callable[[], Worker]) -> None:
    first, second, third, fourth = worker(), worker(), worker(), worker()
    die_of(first)
    die_of(second)
    for one in (third, fourth, worker()):
        one.begin()
        assert one.answer == (
            "this very request has ended two scoring processes, so it is refused until 5 minutes have passed:"
            " slipway logs cancer/blue says how they ended"
        )
        one.begin(OTHER)
        assert one.answer == "begun"
        one.end()


def test_two_at_most_work_on_a_body_nobody_has_come_to_an_end_with(worker: Callable[[], Worker]) -> None:
    first, second, third = worker(), worker(), worker()
    for one in (first, second, third):
        one.begin()
    begun: set[Worker] = set()
    while len(begun) < 2:
        begun |= {one for one in {first, second, third} - begun if one.has_answered}
    (waiting,) = {first, second, third} - begun
    assert not waiting.has_answered
    for one in begun:
        assert one.answer == "begun"
        one.kill()
    assert waiting.answer.startswith("this very request has ended two")


def test_whoever_waits_goes_on_when_another_came_to_an_end_and_never_waits_again(
    worker: Callable[[], Worker],
) -> None:
    first, second, third, fourth = worker(), worker(), worker(), worker()
    for one in (first, second):
        one.begin()
        assert one.answer == "begun"
    third.begin()
    assert not third.has_answered
    first.end()
    assert third.answer == "begun"
    third.end()
    fourth.begin()
    assert fourth.answer == "begun"
    third.begin()  # a third at the same time, but one who knows it
    assert third.answer == "begun"


def test_a_body_that_takes_long_is_worked_on_by_all_in_the_end(worker: Callable[..., Worker]) -> None:
    for one in (worker(time.monotonic), worker(time.monotonic), worker(time.monotonic)):
        one.begin()
        assert one.answer == "begun"


def test_coming_to_an_end_with_a_body_acquits_it(worker: Callable[[], Worker]) -> None:
    die_of(worker())
    survivor = worker()
    survivor.begin()
    assert survivor.answer == "begun"
    survivor.end()
    die_of(worker())  # as if it were the first
    survivor.begin()
    assert survivor.answer == "begun"


@pytest.mark.parametrize("later_s", [blame.KEPT_S + 1, -1000.0], ids=["minutes later", "after a reboot"])
def test_kills_are_forgotten(path: Path, worker: Callable[[], Worker], later_s: float) -> None:
    die_of(worker())
    die_of(worker())
    later = open_blame(str(path), "", clock=lambda: noon() + later_s)
    with later.of((BODY,), "r"):
        pass


def test_of_a_batch_that_ended_its_process_each_body_is_a_suspect_that_runs_alone(
    path: Path, worker: Callable[[], Worker]
) -> None:
    mine = open_blame(str(path), "", noon)
    assert not mine.is_suspect(BODY)
    die_of(worker(), BODY, OTHER)
    assert mine.is_suspect(BODY)
    assert mine.is_suspect(OTHER)
    with mine.of((OTHER,), "r"):
        pass
    assert mine.is_suspect(OTHER)  # as long as there is more to do for it
    mine.acquit((OTHER,))
    assert not mine.is_suspect(OTHER)  # it was not that one
    die_of(worker(), BODY)
    with pytest.raises(BodyRefused), mine.of((BODY,), "r"):
        raise AssertionError("it must not run")


def test_what_a_batch_had_twice_it_is_blamed_for_once(path: Path, worker: Callable[[], Worker]) -> None:
    die_of(worker(), BODY, BODY, OTHER)
    mine = open_blame(str(path), "", noon)
    with mine.of((BODY,), "r"):
        pass
    mine.acquit((BODY,))
    assert not mine.is_suspect(BODY)


def test_what_others_work_on_is_no_suspect_once_it_came_to_an_end_here(
    path: Path, worker: Callable[[], Worker]
) -> None:
    mine, other = open_blame(str(path), "", noon), worker()
    other.begin()
    assert other.answer == "begun"
    assert mine.is_suspect(BODY)
    with mine.of((BODY,), "r"):
        pass
    mine.acquit((BODY,))
    assert not mine.is_suspect(BODY)
    other.kill()
    assert mine.is_suspect(BODY)


def test_who_begins_and_is_late_or_has_more_to_do_acquits_nobody(path: Path, worker: Callable[[], Worker]) -> None:
    mine = open_blame(str(path), "", noon)
    die_of(worker())
    with mine.of((BODY,), "r"):
        pass
    die_of(worker())
    with pytest.raises(BodyRefused), mine.of((BODY,), "r"):
        raise AssertionError("it must not run")
    mine.acquit((BODY,))  # its iterator is closed now
    with pytest.raises(BodyRefused), mine.of((BODY,), "r"):
        raise AssertionError("it must not run")


def test_the_pieces_of_an_answer_wait_together_as_long_as_one(path: Path, worker: Callable[..., Worker]) -> None:
    for one in (worker(), worker()):
        one.begin()
        assert one.answer == "begun"
    times = iter(range(1_000_000))
    mine = open_blame(str(path), "", lambda: noon() + next(times) * blame.WAIT_S / 10)
    steps = []
    for _ in range(3):
        before = next(times)
        with mine.of((BODY,), "r"):
            steps.append(next(times) - before)
    assert steps[0] > 10 > max(steps[1:])


def test_whatever_a_process_was_at_is_blamed_for_its_end(path: Path) -> None:
    one = _processes.Process(target=_at_two_things, args=(str(path),))
    one.start()
    one.join()
    mine = open_blame(str(path), "", noon)
    assert mine.is_suspect(BODY)
    assert mine.is_suspect(OTHER)
    assert not mine.is_suspect(digest_of(b"came to an end before"))


def _at_two_things(path: str) -> None:
    """Be at something, begin another on another thread, a third between, and die."""
    mine = open_blame(path, "", noon)
    at_work = threading.Event()

    def work() -> None:
        with mine.of((OTHER,), "second"):
            at_work.set()
            threading.Event().wait()

    with mine.of((BODY,), "first"):
        with mine.of((digest_of(b"came to an end before"),), "between"):
            threading.Thread(target=work, daemon=True).start()
            assert at_work.wait(10)
        os.kill(os.getpid(), signal.SIGKILL)


def test_two_threads_of_a_process_may_be_at_the_same(path: Path, worker: Callable[..., Worker]) -> None:
    mine = open_blame(str(path), "", time.monotonic)
    with mine.of((BODY,), "r"):
        with mine.of((BODY,), "r"):
            assert mine.is_suspect(BODY)
        other = worker(time.monotonic)
        other.begin()
        assert other.answer == "begun"
        other.kill()
    second = worker(time.monotonic)  # nobody has taken the slot that is held here
    second.begin()
    assert second.answer == "begun"
    assert used(path) == 3


def test_who_is_refused_is_at_nothing(tmp_path: Path) -> None:
    with BlameFile(tmp_path / "table") as table:
        assert table.path is not None
        die_of(Worker(table.path))
        die_of(Worker(table.path))
        mine = open_blame(str(table.path), "", noon)
        with pytest.raises(BodyRefused), mine.of((BODY,), "r"):
            raise AssertionError("it must not run")
        assert table.work_of(os.getpid()) is None


def test_a_slot_is_taken_over_from_who_has_gone_but_not_what_the_dead_died_of(
    path: Path, worker: Callable[[], Worker]
) -> None:
    for _ in range(3):
        worker().stop()
    assert used(path) == 1
    die_of(worker())
    die_of(worker())
    one = worker()
    assert used(path) == 3
    one.begin()
    assert one.answer.startswith("this very request")


def used(path: Path) -> int:
    """How many slots were ever taken."""
    return int(blame.COUNTS.unpack_from(path.read_bytes(), blame.COUNTS_AT)[0])


def test_a_process_without_a_place_in_a_table_serves_all_the_same(path: Path) -> None:
    assert open_blame(str(path.with_name("none")), "") is NO_BLAME
    other = path.with_name("of another version")
    other.write_bytes(bytes(blame.SIZE))
    assert open_blame(str(other), "") is NO_BLAME


def test_the_supervisor_sees_what_a_process_is_at_and_was_when_it_died(tmp_path: Path) -> None:
    with BlameFile(tmp_path / "table") as table:
        assert table.path is not None
        one = Worker(table.path, time.monotonic)
        assert table.work_of(one.pid) is None
        one.begin()
        assert one.answer == "begun"
        seen = table.work_of(one.pid)
        assert seen is not None
        assert seen.request_id == "request-7"
        assert 0 <= time.monotonic() - seen.began_s < 10
        one.kill()
        assert table.work_of(one.pid) == seen


def test_what_is_given_is_told_apart_by_names_types_shapes_and_values() -> None:
    given: list[dict[str, Any]] = [
        {"x": np.array([1, 2], dtype=np.int32)},
        {"y": np.array([1, 2], dtype=np.int32)},
        {"x": np.array([1, 2], dtype=np.float32)},
        {"x": np.array([[1, 2]], dtype=np.int32)},
        {"x": np.array([b"1", b"2"], dtype=object)},
        {"x": np.array(["1", "2"], dtype=object)},
        {"x": np.array([1, 3], dtype=np.int32)},
    ]
    assert len({digest_of_tensors(tensors) for tensors in given}) == len(given)
    assert digest_of(b"ab", b"c") != digest_of(b"a", b"bc")
