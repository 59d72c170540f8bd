"""Answers that a model gives one after another: drawn on its own thread, as fast as they are taken and no faster."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any, Callable, Coroutine, Generic, Iterator, Optional, Protocol, TypeVar, Union, cast

from .engine.engine import Engine
from .engine.tickets import Ticket
from .errors import DeadlineExceeded
from .runtimes.base import Call
from .statistics import Statistics

S = TypeVar("S")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
_END: Any = object()


class Answers(Protocol[T_co]):
    """An asynchronous iterator that holds a place among the requests in flight.

    Whoever has one reads it to its end, which may be an error, or calls ``aclose()``.
    """

    def __aiter__(self) -> Answers[T_co]: ...

    async def __anext__(self) -> T_co:
        """Raises: DeadlineExceeded, and what the model raises."""
        ...

    async def aclose(self) -> None: ...


class OneAnswer(Generic[T]):
    """The one answer of a model that gives no more."""

    def __init__(self, answer: T) -> None:
        self._answer = answer

    def __aiter__(self) -> OneAnswer[T]:
        return self

    async def __anext__(self) -> T:
        answer, self._answer = self._answer, _END
        if answer is _END:
            raise StopAsyncIteration
        return answer

    async def aclose(self) -> None:
        self._answer = _END


class Encoded(Generic[S, T]):
    """Answers, each converted when it is read."""

    def __init__(self, answers: Answers[S], convert: Callable[[S], T]) -> None:
        self._answers = answers
        self._convert = convert

    def __aiter__(self) -> Encoded[S, T]:
        return self

    async def __anext__(self) -> T:
        return self._convert(await self._answers.__anext__())

    async def aclose(self) -> None:
        await self._answers.aclose()


class DrawnAnswers(Generic[T]):
    """Over what ``begin`` gives: one answer, or an iterator over them.

    Each answer is one turn on a thread of the model's, taken when the reader asks for it: nothing is kept for a slow
    reader, and other requests have their turns between. The first turn waits in the line. After the request's deadline,
    or ``aclose()``, the model's iterator is closed on such a thread too.
    """

    def __init__(
        self,
        begin: Callable[[], Union[T, Iterator[T]]],
        call: Call,
        engine: Engine,
        statistics: Statistics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._begin = begin
        self._call = call
        self._engine = engine
        self._statistics = statistics
        self._clock = clock
        self._turn = threading.Lock()  # one answer at a time, also where a model has several threads
        self._source: Optional[Iterator[T]] = None  # the model's; touched on its threads only
        self._stopped = False
        self._whole = False
        self._first: T = _END
        self._place: Optional[Ticket[T]] = None  # among the requests in flight
        self._alarm: Optional[asyncio.TimerHandle] = None
        self._late = False

    async def start(self) -> Union[T, DrawnAnswers[T]]:
        """Draw the first answer; return it if ``begin`` gave no iterator, else these answers, the first among them.

        Raises:
            Overloaded, DeadlineExceeded, and what the model raises before its first answer.
        """
        self._place = self._engine.admit(self._advance, self._call)
        self._first = await self._drawn(self._engine.answer_of(self._place))
        if self._whole:
            return self._first
        if not self._ended():
            left_s = self._call.deadline - self._clock()
            self._alarm = asyncio.get_running_loop().call_later(left_s, self._expire)
        return self

    def __aiter__(self) -> DrawnAnswers[T]:
        return self

    async def __anext__(self) -> T:
        first, self._first = self._first, _END
        if first is not _END:
            return first
        if self._late:
            raise DeadlineExceeded(self._call.timeout_ms)
        if self._ended():
            raise StopAsyncIteration
        answer = await self._drawn(self._engine.turn(self._advance, self._call))
        if answer is _END:
            raise StopAsyncIteration
        return answer

    async def aclose(self) -> None:
        """End it; the model's iterator is closed as soon as its thread is free."""
        self._first = _END
        self._stop(whole=False)

    async def _drawn(self, turn: Coroutine[Any, Any, T]) -> T:
        """Take the next answer from the model, ``_END`` after the last one."""
        drawn = False
        answer: Optional[T] = None
        try:
            answer = await turn
            drawn = answer is not _END and not self._whole
            return answer
        finally:
            if not drawn:  # it ended, failed, took too long, or the client left
                self._stop(whole=answer is _END or self._whole)

    def _ended(self) -> bool:
        return self._place is None

    def _expire(self) -> None:
        self._late = True
        self._first = _END
        self._stop(whole=False)

    def _stop(self, whole: bool) -> None:
        place, self._place = self._place, None
        if place is None:
            return
        if self._alarm is not None:
            self._alarm.cancel()
        self._engine.leave(place)
        if whole:
            self._statistics.success(1, place.came, self._call.began, self._clock())
        else:
            self._statistics.failure(place.came, self._clock())
        self._stopped = True
        if not self._whole:
            self._engine.errand(self._close)

    # On a thread of the model's

    def _advance(self) -> T:
        with self._turn:
            if self._stopped:
                return cast(T, _END)
            if self._source is None:
                begun = self._begin()
                if not isinstance(begun, Iterator):
                    self._whole = True
                    return begun
                self._source = begun
            return next(self._source, _END)

    def _close(self) -> None:
        """Close a generator, so that its ``finally`` runs, here and now."""
        with self._turn:
            close = getattr(self._source, "close", None)
            self._source = None
            if close is not None:
                close()
