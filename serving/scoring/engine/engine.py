"""A request's way through the engine: let in or refused, waiting, worked on, and answered by its deadline."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from functools import partial
from typing import Any, Callable, List, Optional, Sequence, TypeVar

from ..errors import DeadlineExceeded, Overloaded
from ..fast_path import leave_fast_path
from ..runtimes.base import Call
from .admission import Admission
from .batches import Part, each
from .batching import Batching
from .line import Errand
from .tickets import AnyTicket, Ticket
from .workers import Workers

T = TypeVar("T")
_FULL = (
    "{} requests are in flight, and no more may be: half of them wait; more instances, or a larger"
    " max_concurrent_requests_per_instance, take more"
)
_NOT_BEGUN: Any = object()
_LONG = "it waited for {} ms to be among the requests that may be in flight, and may not wait longer"
_LATE = "with {} requests before it, it could not be answered within its {} ms"
_MADE_ROOM = "the line is full, and this key has more requests in it than the one that takes this place"


class Engine:
    """One event loop's. ``interrupt`` ends what the model is about for a call whose time is over; ``ran`` is told, on
    the loop, of each run of a batch: how many rows it had, and the seconds it took."""

    def __init__(
        self,
        workers: Workers,
        max_concurrent: int,
        max_queue_wait_s: float,
        clock: Callable[[], float],
        interrupt: Callable[[Call], None],
        batching: Optional[Batching] = None,
        ran: Callable[[int, float], None] = lambda rows, took_s: None,
    ) -> None:
        self.admission = Admission(max_concurrent, workers.count)
        self.executed = 0  # requests that a thread has begun to work on
        self.executed_after_deadline = 0
        self._line = workers.line
        self._max_queue_wait_s = max_queue_wait_s
        self._clock = clock
        self._interrupt = interrupt
        self._counting = threading.Lock()
        workers.perform = self._perform
        self._ran = ran
        if batching is not None:
            self._batching = batching
            self._line.company = batching.company
            workers.together = batching.most

    @property
    def waiting(self) -> int:
        """How many requests wait for a thread."""
        return len(self._line)

    def join(self, part: Part) -> AnyTicket:
        """Let a request in that may be worked on together with others. Raises as ``admit``."""
        return self.admit(_in_a_batch, part.call, part)

    def admit(self, work: Callable[[], T], call: Call, part: Optional[Part] = None) -> Ticket[T]:
        """Let a request in, until it leaves, and put its work into the line.

        Raises:
            Overloaded: it may not come in.
        """
        ticket = Ticket(work, call, part)
        admission, line = self.admission, self._line
        ticket.came = self._clock()
        allowed_s = left_s = call.deadline - ticket.came
        if not line.idle:
            ahead = line.ahead_of(ticket.key)
            if not admission.in_time(ahead, left_s):
                raise self._refusal(_LATE.format(ahead, call.timeout_ms))
            if admission.is_beyond(len(line), ahead):
                allowed_s = min(left_s, self._max_queue_wait_s)
        if admission.full:
            self._make_room(ticket.key)
        admission.enter(ticket.key)
        ticket.inside = True
        ticket.alarm = ticket.loop.call_later(allowed_s, self._ring, ticket)
        line.put(ticket)
        return ticket

    def leave(self, ticket: AnyTicket) -> None:
        """Free a request's place, if it still has one."""
        if ticket.inside:
            ticket.inside = False
            self.admission.leave(ticket.key)

    async def turn(self, work: Callable[[], T], call: Call) -> T:
        """Have the next piece of a request's work done, which has its place. Raises as ``run``, but for Overloaded."""
        ticket = Ticket(work, call)
        ticket.alarm = ticket.loop.call_later(call.deadline - self._clock(), self._ring, ticket)
        self._line.put_errand(partial(self._perform, [ticket]))
        return await self.answer_of(ticket)

    def errand(self, work: Errand) -> None:
        """Have something done on a thread of the model's, for which nobody waits."""
        self._line.put_errand(work)

    async def answer_of(self, ticket: Ticket[T]) -> T:
        """Wait for what a ticket's work gives; if who waits is cancelled, what has not begun never will."""
        answer = ticket.answer()
        try:
            await leave_fast_path()
            return await answer
        except asyncio.CancelledError:
            ticket.forget()
            self._line.drop(ticket)
            if answer.done() and not answer.cancelled():
                answer.exception()  # or it would be said that nobody wanted it
            raise
        finally:
            del answer  # an error leads to here, by its traceback, and the answer to the error
            assert ticket.alarm is not None
            ticket.alarm.cancel()

    def _make_room(self, key: bytes) -> None:
        crowded = self.admission.gives_way(key, self._line.keys())
        other = None if crowded is None else self._line.newest_of(crowded)
        if other is None:
            raise self._refusal(_FULL.format(self.admission.in_flight))
        other.fail(self._refusal(_MADE_ROOM))
        self.leave(other)  # now: more may come before who waits for it has a turn

    def _refusal(self, why: str) -> Overloaded:
        return self.admission.refusal(len(self._line), why)

    def _ring(self, ticket: AnyTicket) -> None:
        """End the time that a ticket may wait for its place in flight, or the time of its request."""
        left_s = ticket.call.deadline - self._clock()
        if left_s <= 0:
            if self._line.drop(ticket):
                self._give_up(ticket)
                return
            self._interrupt(ticket.call)
            ticket.fail(DeadlineExceeded(ticket.call.timeout_ms))
            return
        ahead = self._line.before(ticket)
        if ahead is not None and self.admission.is_beyond(len(self._line), ahead) and self._line.drop(ticket):
            ticket.fail(self._refusal(_LONG.format(round(self._max_queue_wait_s * 1000))))
            return
        ticket.alarm = ticket.loop.call_later(left_s, self._ring, ticket)

    def _answer(self, ticket: AnyTicket, result: Any, took_s: float) -> None:
        if ticket.came:
            self.admission.learn(took_s)
        ticket.succeed(result)

    def _answer_all(self, tickets: Sequence[AnyTicket], answers: Sequence[Any], took_s: float) -> None:
        self.admission.learn(took_s, len(tickets))
        for ticket, answer in zip(tickets, answers):
            if answer is _NOT_BEGUN:
                self._give_up(ticket)
            elif isinstance(answer, BaseException):
                ticket.fail(answer)
            else:
                ticket.succeed(answer)

    def _give_up(self, ticket: AnyTicket) -> None:
        """Answer for a ticket whose work was not begun."""
        call = ticket.call
        if self._clock() < call.deadline:
            ticket.fail(self._refusal(_LATE.format(0, call.timeout_ms)))
        else:
            ticket.fail(DeadlineExceeded(call.timeout_ms, self.admission.retry_after_s(len(self._line))))

    # On a thread of the model's

    def _perform(self, tickets: List[AnyTicket]) -> None:
        if tickets[0].part is not None:
            began = self._clock()
            answers = each(tickets, self._work_on_all)
            _on_loop(tickets[0], self._answer_all, tickets, answers, self._clock() - began)
            return
        for ticket in tickets:
            if self._may_begin(ticket):
                self._work_on(ticket)
            elif ticket.wanted:
                _on_loop(ticket, self._give_up, ticket)

    def _may_begin(self, ticket: AnyTicket) -> bool:
        """Say whether there is time for a ticket's work. What had not to wait is begun, whatever may be expected."""
        likely_s = self.admission.likely_s if ticket.waits else 0.0
        return ticket.wanted and self._clock() + likely_s < ticket.call.deadline

    def _work_on_all(self, tickets: Sequence[AnyTicket]) -> Sequence[Any]:
        """Return an answer for each, or its error; ``_NOT_BEGUN`` for one that has no time. Raise as a batch does."""
        begun = [ticket for ticket in tickets if self._may_begin(ticket)]
        if len(begun) < len(tickets):
            those = iter(each(begun, self._work_on_all) if begun else ())
            return [next(those) if ticket in begun else _NOT_BEGUN for ticket in tickets]
        began = self._clock()
        with self._counting:
            self.executed += sum(not ticket.call.began for ticket in tickets)
            self.executed_after_deadline += sum(began >= ticket.call.deadline for ticket in tickets)
        for ticket in tickets:
            ticket.call.began = ticket.call.began or began
        parts = [ticket.part for ticket in tickets if ticket.part is not None]
        try:
            answers = self._batching.run(parts)
        finally:
            ended = self._clock()
            for ticket in tickets:
                ticket.call.ended = ended
        _on_loop(tickets[0], self._ran, sum(part.rows for part in parts), ended - began)
        return answers

    def _work_on(self, ticket: AnyTicket) -> None:
        call, began = ticket.call, self._clock()
        if not call.began:
            call.began = began
        with self._counting:
            self.executed += bool(ticket.came)
            self.executed_after_deadline += began >= call.deadline
        try:
            result = ticket.work()
        except BaseException as error:  # the thread must not end
            call.ended = self._clock()
            _on_loop(ticket, ticket.fail, error)
        else:
            call.ended = self._clock()
            _on_loop(ticket, self._answer, ticket, result, call.ended - began)


def _in_a_batch() -> None:
    raise AssertionError("a ticket with a part has no work of its own")


def _on_loop(ticket: AnyTicket, callback: Callable[..., None], *arguments: Any) -> None:
    with contextlib.suppress(RuntimeError):  # the loop is closed, and nobody waits
        ticket.loop.call_soon_threadsafe(callback, *arguments)
