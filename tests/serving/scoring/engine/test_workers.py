"""The threads of a model, and for whom they wait."""

import threading
from collections.abc import Iterator
from queue import SimpleQueue

import pytest

from serving.scoring.engine.patience import Patience
from serving.scoring.engine.tickets import AnyTicket
from serving.scoring.engine.workers import Workers
from tests.serving.scoring.engine.tickets import ticket


class Endless(Patience):
    """Waits longer than a test may take, for whoever may come."""

    def wait_s(self, answered: int, hoped: int) -> float:
        return 240.0


class Runs:
    """What was worked on together, by names; each run lasts until it is let go on."""

    def __init__(self, workers: Workers) -> None:
        self.begun: SimpleQueue[list[str]] = SimpleQueue()
        self._ends = threading.Semaphore(0)
        workers.perform = self._perform
        workers.line.company = lambda first, others: list(others)

    def _perform(self, tickets: list[AnyTicket]) -> None:
        self.begun.put([one.call.request_id for one in tickets])
        self._ends.acquire(timeout=10)

    def next(self) -> list[str]:
        return self.begun.get(timeout=10)

    def end(self) -> None:
        self._ends.release()


@pytest.fixture
def workers() -> Iterator[Workers]:
    started = Workers(patience=Endless)
    yield started
    started.close()


def put(workers: Workers, *names: str) -> None:
    for name in names:
        workers.line.put(ticket(name, part=True))


def test_those_who_were_answered_together_join_who_waits(workers: Workers) -> None:
    runs = Runs(workers)
    workers.together = 3
    put(workers, "a1")
    assert runs.next() == ["a1"]
    put(workers, "a2", "b1")
    runs.end()
    assert sorted(runs.next()) == ["a2", "b1"]
    put(workers, "c1")
    runs.end()
    put(workers, "a3", "b2")
    assert sorted(runs.next()) == ["a3", "b2", "c1"]
    runs.end()


def test_no_more_are_waited_for_than_run_together(workers: Workers) -> None:
    runs = Runs(workers)
    workers.together = 2
    put(workers, "a1")
    assert runs.next() == ["a1"]
    put(workers, "b1", "c1")
    runs.end()
    assert runs.next() == ["b1", "c1"]
    put(workers, "d1", "e1")
    runs.end()
    assert runs.next() == ["d1", "e1"]
    runs.end()


def test_who_asks_alone_is_not_waited_with(workers: Workers) -> None:
    runs = Runs(workers)
    workers.together = 8
    for name in ("a1", "a2", "a3"):
        put(workers, name)
        assert runs.next() == [name]
        runs.end()


def test_where_requests_run_one_by_one_nobody_is_waited_for(workers: Workers) -> None:
    runs = Runs(workers)
    put(workers, "a1")
    assert runs.next() == ["a1"]
    put(workers, "b1")
    runs.end()
    assert runs.next() == ["b1"]
    runs.end()
