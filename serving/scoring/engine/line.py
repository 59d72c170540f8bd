"""The line in front of the model: a queue for each key; whose last turn is longest ago comes next, and copies of what
others are asked come last. Threads pull."""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict, deque
from itertools import zip_longest
from math import inf
from queue import Empty, SimpleQueue
from typing import Callable, Deque, Dict, Iterable, Iterator, List, Optional, Tuple

from ..mirror import COPIES
from .tickets import AnyTicket

Errand = Callable[[], None]  # what a thread does that is no request's waiting work, and that nobody refuses
_KEYS = 64  # that are remembered: one that was forgotten counts as one that never had a turn
Company = Callable[[AnyTicket, Iterator[AnyTicket]], Iterable[AnyTicket]]


def alone(first: AnyTicket, others: Iterator[AnyTicket]) -> Iterable[AnyTicket]:
    """Let nobody join."""
    return ()


class Line:
    """Thread-safe. ``company`` chooses, of those that wait in fair order, who is taken together with the first.

    Errands go before tickets, but no two of them while a ticket waits: a stream's next answers leave others room.
    """

    def __init__(self, company: Company = alone) -> None:
        self.company = company
        self.idle = 0  # threads that wait for something to do
        self.left = 0  # tickets that others were taken without, the last time
        self._lock = threading.Lock()
        self._wake: SimpleQueue[None] = SimpleQueue()
        self._errands: Deque[Errand] = deque()
        self._errand_was_last = False
        self._queues: Dict[bytes, Deque[AnyTicket]] = {}  # of the keys that wait
        self._taken = 0  # tickets so far
        self._turns: OrderedDict[bytes, int] = OrderedDict()  # which of them was the last of a key
        self._length = 0
        self._gathering: List[Tuple[int, SimpleQueue[None]]] = []  # threads that wait for so many tickets
        self._closed = False

    def __len__(self) -> int:
        return self._length

    def put(self, ticket: AnyTicket) -> None:
        """Add a ticket behind those of its key."""
        with self._lock:
            queue = self._queues.get(ticket.key)
            if queue is None:
                queue = self._queues[ticket.key] = deque()
            queue.append(ticket)
            self._length += 1
            ticket.waits = not self.idle
            wakes = self._wakes()
            self._end_gathering(self._length)
        if wakes:
            self._wake.put(None)

    def put_errand(self, errand: Errand) -> None:
        with self._lock:
            self._errands.append(errand)
            wakes = self._wakes()
            self._end_gathering()
        if wakes:
            self._wake.put(None)

    def take(self) -> Tuple[Optional[Errand], List[AnyTicket]]:
        """Wait for an errand, or for tickets to be worked on together; neither comes when the line is closed."""
        while True:
            with self._lock:
                if self._errands and not (self._errand_was_last and self._length):
                    self._errand_was_last = True
                    return self._errands.popleft(), []
                self._errand_was_last = False
                if self._length:
                    return None, self._next()
                if self._closed:
                    return None, []
                self.idle += 1
            self._wake.get()

    def gather(self, count: int, timeout_s: float) -> int:
        """Wait until so many tickets wait, or there is an errand; return how many do."""
        full: SimpleQueue[None] = SimpleQueue()
        with self._lock:
            if self._length >= count or self._errands or self._closed:
                return self._length
            self._gathering.append((count, full))
        with contextlib.suppress(Empty):
            full.get(timeout=timeout_s)
        with self._lock:
            self._gathering.remove((count, full))
            return self._length

    def drop(self, ticket: AnyTicket) -> bool:
        """Take a ticket out; False if it does not wait."""
        with self._lock:
            queue = self._queues.get(ticket.key)
            if queue is None or ticket not in queue:
                return False
            self._remove(ticket)
            return True

    def newest_of(self, key: bytes) -> Optional[AnyTicket]:
        """Take out the ticket of a key that came last, if one waits."""
        with self._lock:
            queue = self._queues.get(key)
            if not queue:
                return None
            ticket = queue[-1]
            self._remove(ticket)
            return ticket

    def keys(self) -> List[bytes]:
        """Return the keys that have tickets waiting."""
        with self._lock:
            return list(self._queues)

    def ahead_of(self, key: bytes) -> int:
        """Say how many tickets would come before a new one of ``key``."""
        with self._lock:
            return self._ahead(key, len(self._queues.get(key, ())))

    def before(self, ticket: AnyTicket) -> Optional[int]:
        """Say how many tickets come before one that waits; None if it does not."""
        with self._lock:
            queue = self._queues.get(ticket.key)
            return self._ahead(ticket.key, queue.index(ticket)) if queue and ticket in queue else None

    def close(self) -> None:
        """Let the threads end once nothing waits."""
        with self._lock:
            self._closed = True
            idle, self.idle = self.idle, 0
            self._end_gathering()
        for _ in range(idle):
            self._wake.put(None)

    # With the lock held

    def _ahead(self, key: bytes, own: int) -> int:
        """Count each other key as if its turn came first: it is one ticket too many at most."""
        if key == COPIES:
            return own + self._length - len(self._queues.get(key, ()))
        others = (queue for other, queue in self._queues.items() if other not in (key, COPIES))
        return own + sum(min(len(queue), own + 1) for queue in others)

    def _wakes(self) -> bool:
        if not self.idle:
            return False
        self.idle -= 1
        return True

    def _end_gathering(self, length: Optional[int] = None) -> None:
        for count, full in self._gathering:
            if length is None or length >= count:
                full.put(None)

    def _next(self) -> List[AnyTicket]:
        first = self._queues[min(self._queues, key=self._turn_of)][0]
        self._give_turn(first)
        tickets = [first]
        if first.part is not None and self._length:
            tickets += self.company(first, self._in_order())
            for ticket in tickets[1:]:
                self._give_turn(ticket)
        self.left = self._length
        return tickets

    def _turn_of(self, key: bytes) -> float:
        return inf if key == COPIES else self._turns.get(key, 0)

    def _give_turn(self, ticket: AnyTicket) -> None:
        """Take a ticket out; its key goes behind all others, also behind one that comes while it is worked on."""
        self._remove(ticket)
        self._taken += 1
        self._turns[ticket.key] = self._taken
        self._turns.move_to_end(ticket.key)
        if len(self._turns) > _KEYS:
            gone = next((key for key in self._turns if key not in self._queues), None)
            if gone is not None:  # who waits is not forgotten, or others would go first for ever
                del self._turns[gone]

    def _in_order(self) -> Iterator[AnyTicket]:
        keys = sorted((key for key in self._queues if key != COPIES), key=self._turn_of)
        for turn in zip_longest(*(self._queues[key] for key in keys)):
            yield from (ticket for ticket in turn if ticket is not None)
        yield from self._queues.get(COPIES, ())

    def _remove(self, ticket: AnyTicket) -> None:
        queue = self._queues[ticket.key]
        queue.remove(ticket)
        self._length -= 1
        if not queue:
            del self._queues[ticket.key]
