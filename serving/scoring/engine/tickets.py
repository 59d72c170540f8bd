"""One request's place in the line: what is to be done, for whom, and until when."""

from __future__ import annotations

import asyncio
from typing import Any, Callable, Generic, Optional, TypeVar

from ..runtimes.base import KEY_HEADER, Call
from .batches import Part

T = TypeVar("T")


class Ticket(Generic[T]):
    """Made and answered on the event loop; ``work`` is done on a thread of the model's, once or never.

    One with a ``part`` is worked on by the engine's batching, perhaps together with others. ``came`` is when it was let
    in, on the data plane's clock, and 0 for a later turn of one that was; ``waits`` says that no thread was free then;
    ``inside``, that it holds a place in flight.
    """

    __slots__ = ("_answer", "alarm", "call", "came", "inside", "key", "loop", "part", "waits", "work")

    def __init__(self, work: Callable[[], T], call: Call, part: Optional[Part] = None) -> None:
        self.work = work
        self.call = call
        self.key = call.headers.get(KEY_HEADER, b"")
        self.part = part
        self.loop = asyncio.get_running_loop()
        self.alarm: Optional[asyncio.TimerHandle] = None
        self.came = 0.0
        self.waits = False
        self.inside = False
        self._answer: Optional[asyncio.Future[T]] = self.loop.create_future()

    @property
    def wanted(self) -> bool:
        """Whether there is no answer yet, and somebody waits for one."""
        answer = self._answer
        return answer is not None and not answer.done()

    def answer(self) -> asyncio.Future[T]:
        """Return the answer to be; before the event loop has another turn, since it may come in that one."""
        assert self._answer is not None
        return self._answer

    def succeed(self, result: T) -> None:
        """Answer, if that is wanted."""
        answer = self._give()
        if answer is not None:
            answer.set_result(result)

    def fail(self, error: BaseException) -> None:
        """Answer with an error, if that is wanted."""
        answer = self._give()
        if answer is not None:
            no_future_holds = isinstance(error, StopIteration)
            answer.set_exception(RuntimeError("StopIteration was raised") if no_future_holds else error)

    def forget(self) -> None:
        """Want no answer any more."""
        self._answer = None

    def _give(self) -> Optional[asyncio.Future[T]]:
        """Let go of the answer: an error leads to its ticket, by its traceback, and a ring would keep the request."""
        answer, self._answer = self._answer, None
        return None if answer is None or answer.done() else answer


AnyTicket = Ticket[Any]
