"""How long a thread waits for those whom it has just answered, so that they run together with who waits already.

Clients that ask again at once would otherwise fall into two groups: the first to come back runs alone, and the others
wait for it. Nobody is waited for where larger runs save nothing. Pure: no clock, no thread.
"""

from __future__ import annotations

_KEPT = 0.95  # of the weight of earlier runs, at each run
_SAVES = 0.05  # what a run costs whatever its size must be this share of the run that is hoped for
_SHARE = 0.5  # of the time of the run before: nobody waits longer for others
_LONGEST_PAUSE = 64  # runs without waiting, after it was in vain again and again


class Patience:
    """One thread's. It learns a line through the times that runs of different sizes take."""

    def __init__(self) -> None:
        self._weight = self._size = self._took = self._squares = self._products = 0.0
        self._once_s = self._each_s = 0.0  # a run takes the one, and the other for each request
        self._in_vain = 0
        self._pause = 0

    def ran(self, count: int, took_s: float) -> None:
        """Learn from a run of ``count`` requests."""
        self._weight = 1 + _KEPT * self._weight
        self._size += (count - self._size) / self._weight
        self._took += (took_s - self._took) / self._weight
        self._squares += (count * count - self._squares) / self._weight
        self._products += (count * took_s - self._products) / self._weight
        spread = self._squares - self._size**2
        if spread > (0.2 * self._size) ** 2:  # sizes that hardly differ say nothing new
            self._each_s = max(0.0, (self._products - self._size * self._took) / spread)
            self._once_s = self._took - self._each_s * self._size

    def wait_s(self, answered: int, hoped: int) -> float:
        """Say how long to wait until those who were ``answered`` make a run of ``hoped``; 0 for not at all."""
        if self._pause:
            self._pause -= 1
            return 0.0
        saves = self._once_s > _SAVES * (self._once_s + self._each_s * hoped)
        return _SHARE * (self._once_s + self._each_s * answered) if saves else 0.0

    def waited(self, answered: int, missing: int) -> None:
        """Note how many of those who were answered did not come; if it was most of them, wait less often."""
        self._in_vain = self._in_vain + 1 if 2 * missing > answered else 0
        self._pause = min(2 ** min(self._in_vain, 7) - 1, _LONGEST_PAUSE)
