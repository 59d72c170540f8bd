"""Many small writes in one transaction: whoever waits is answered after the commit that carries his.

A commit costs about as much as a dozen rows. One thread takes whatever is waiting, runs it all in one transaction, and
answers when that is committed: alone, a write waits for nobody; in a crowd, a commit is shared.
"""

import asyncio
import threading
from collections import defaultdict
from collections.abc import Callable
from contextlib import AbstractContextManager
from queue import SimpleQueue
from typing import Any, NamedTuple, TypeVar

import sqlalchemy as sa

from registry.core.errors import Unavailable

T = TypeVar("T")
Job = Callable[[sa.Connection], Any]

MOST_IN_ONE = 128  # writes in a transaction: others, which wait for the lock, get their turn in between


class _Waiting(NamedTuple):
    job: Job
    loop: asyncio.AbstractEventLoop
    future: "asyncio.Future[Any]"


class _Outcome(NamedTuple):
    future: "asyncio.Future[Any]"
    result: Any
    error: BaseException | None


class WriteQueue:
    """``begin`` opens a transaction that commits at the end of its block, or takes everything back."""

    def __init__(self, begin: Callable[[], AbstractContextManager[sa.Connection]]) -> None:
        self._begin = begin
        self._queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False

    async def run(self, job: Callable[[sa.Connection], T]) -> T:
        """Run ``job`` in a transaction and return what it returns once that is committed.

        A job may be run twice: when another one in its transaction failed, each is run again by itself. It must do
        nothing but work on the connection.

        Raises:
            Unavailable: the store is closing.
            Exception: whatever the job raises; it then changed nothing.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        with self._lock:
            if self._closed:
                raise Unavailable("the registry is stopping")
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="write-queue", daemon=True)
                self._thread.start()
            self._queue.put(_Waiting(job, loop, future))
        result: T = await future
        return result

    def close(self) -> None:
        """Finish what is waiting, then refuse."""
        with self._lock:
            self._closed = True
            thread = self._thread
            self._queue.put(None)
        if thread is not None:
            thread.join()

    def _work(self) -> None:
        while (first := self._queue.get()) is not None:
            batch = [first]
            while len(batch) < MOST_IN_ONE and not self._queue.empty():
                following = self._queue.get()
                if following is None:
                    self._answer(self._commit(batch), batch)
                    return
                batch.append(following)
            self._answer(self._commit(batch), batch)

    def _commit(self, batch: list[_Waiting]) -> list[_Outcome]:
        try:
            with self._begin() as tx:
                results = [waiting.job(tx) for waiting in batch]
        except Exception as error:
            if len(batch) == 1 or isinstance(error, Unavailable):  # who is away is away for all
                return [_Outcome(waiting.future, None, error) for waiting in batch]
            return [outcome for waiting in batch for outcome in self._commit([waiting])]
        return [_Outcome(waiting.future, result, None) for waiting, result in zip(batch, results, strict=True)]

    def _answer(self, outcomes: list[_Outcome], batch: list[_Waiting]) -> None:
        by_loop: dict[asyncio.AbstractEventLoop, list[_Outcome]] = defaultdict(list)
        for waiting, outcome in zip(batch, outcomes, strict=True):
            by_loop[waiting.loop].append(outcome)
        for loop, its in by_loop.items():
            if not loop.is_closed():
                loop.call_soon_threadsafe(_resolve, its)


def _resolve(outcomes: list[_Outcome]) -> None:
    for future, result, error in outcomes:
        if future.done():  # whoever waited has gone
            continue
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)
