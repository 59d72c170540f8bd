"""Who may come in, and what those are told who may not. Decisions and counts only: no clock, no threads, no waiting."""

from __future__ import annotations

from math import ceil
from typing import Collection, Dict, Optional

from ..errors import Overloaded
from ..mirror import COPIES
from .averages import WEIGHT, moved

_MARGIN = 1.25  # by how much the line may go slower than it has, before what was let in is late


class Admission:
    """Of one event loop. ``max_concurrent`` requests are in flight with all the time they have; as many more may
    wait to be among them, each for a while: Azure ML's rule. ``threads`` work on them.
    """

    def __init__(self, max_concurrent: int, threads: int) -> None:
        self.in_flight = 0
        self.refused = 0
        self.expected_s = 0.0  # that a request takes on its thread
        self._spread_s = 0.0  # by how much one differs from that
        self._cold = threads  # runs to come that may be their thread's first
        self._max_concurrent = max_concurrent
        self._threads = threads
        self._of_key: Dict[bytes, int] = {}

    @property
    def full(self) -> bool:
        return self.in_flight >= 2 * self._max_concurrent

    @property
    def likely_s(self) -> float:
        """What a request hardly takes longer than: half of those begun with the average left would be late."""
        return self.expected_s + 2 * self._spread_s

    def enter(self, key: bytes) -> None:
        self.in_flight += 1
        self._of_key[key] = self._of_key.get(key, 0) + 1

    def leave(self, key: bytes) -> None:
        self.in_flight -= 1
        left = self._of_key[key] - 1
        if left:
            self._of_key[key] = left
        else:
            del self._of_key[key]

    def learn(self, took_s: float, requests: int = 1) -> None:
        """Move the averages of how long a request takes; one run counts four times the average at most.

        First runs do not count: what they load or compile, the next ones find.
        """
        if self._cold:
            self._cold -= 1
            return
        each_s = took_s / requests
        before = self.expected_s or each_s
        self.expected_s = moved(before, each_s)
        differs_s = abs(self.expected_s - before) / WEIGHT
        self._spread_s += WEIGHT * (differs_s - self._spread_s)

    def gives_way(self, key: bytes, waiting: Collection[bytes]) -> Optional[bytes]:
        """Name the key, of those with requests ``waiting``, that has to make room for one of ``key``: that with most in
        flight, if it still has as many afterwards. Copies make room for everybody, and nobody does for them."""
        if key == COPIES:
            return None
        if COPIES in waiting:
            return COPIES
        most = max(waiting, key=self._of_key.__getitem__, default=None)
        if most is None or self._of_key[most] < self._of_key.get(key, 0) + 2:
            return None
        return most

    def is_beyond(self, waiting: int, ahead: int) -> bool:
        """Say whether one of those ``waiting``, with so many ``ahead`` of it, is not among the first in flight."""
        return self.in_flight - waiting + ahead >= self._max_concurrent

    def in_time(self, ahead: int, left_s: float) -> bool:
        """Say whether one that has to wait can be answered in what is left of its time."""
        return _MARGIN * self._wait_s(ahead) + self.likely_s <= left_s

    def refusal(self, waiting: int, why: str) -> Overloaded:
        """Word, and count, a refusal; it may be tried again when those who are ``waiting`` have been served."""
        self.refused += 1
        return Overloaded(why, self.retry_after_s(waiting))

    def retry_after_s(self, waiting: int) -> int:
        """Say in how many seconds those who are ``waiting`` will have been served."""
        return max(ceil(self._wait_s(waiting)), 1)

    def _wait_s(self, ahead: int) -> float:
        return (ahead + 1) * self.expected_s / self._threads
