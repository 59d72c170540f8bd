"""What has become of the requests that a model worked on. Counted on the event loop only, so nothing is locked."""

from __future__ import annotations

from typing import Dict, List, Tuple


class Statistics:
    """Totals since the start; times in seconds, moments on the data plane's clock. ``items`` are rows of batches.

    What a cache answers is a hit and counts nowhere else; ``cache_hit_s`` and ``cache_miss_s`` are of looking it up.
    """

    __slots__ = (
        "_alone_s",
        "_alone_then",
        "_by_rows",
        "_rows",
        "_shared",
        "_shared_s",
        "cache_hit_s",
        "cache_hits",
        "cache_miss_s",
        "cache_misses",
        "compute_s",
        "failed",
        "failed_s",
        "items",
        "last_began",
        "queue_s",
        "succeeded",
    )

    def __init__(self) -> None:
        self.succeeded = 0
        self.items = 0
        self.queue_s = 0.0
        self.compute_s = 0.0
        self.failed = 0
        self.failed_s = 0.0
        self.last_began = 0.0
        self._by_rows: Dict[int, List[float]] = {}  # how many runs had so many rows, and their seconds
        self._rows = 1  # of the newest requests that ran alone, which are in the totals only
        self._alone_then, self._alone_s = 0, 0.0  # those that were in the table by then
        self._shared, self._shared_s = 0, 0.0  # of the totals: requests whose runs are counted by ``ran``
        self.cache_hits = 0
        self.cache_hit_s = 0.0
        self.cache_misses = 0
        self.cache_miss_s = 0.0

    def success(self, items: int, admitted: float, began: float, ended: float) -> None:
        """Count a request that waited until ``began`` and was worked on alone until ``ended``."""
        if items != self._rows:
            self._turn(items)
        self.succeeded += 1
        self.items += items
        self.queue_s += began - admitted
        self.compute_s += ended - began
        self.last_began = began

    def share(self, items: int, admitted: float, began: float, ended: float) -> None:
        """Count a request that was worked on in a run that others may have shared, and that ``ran`` counts."""
        self._shared += 1
        self._shared_s += ended - began
        self.succeeded += 1
        self.items += items
        self.queue_s += began - admitted
        self.compute_s += ended - began
        self.last_began = began

    def ran(self, rows: int, took_s: float) -> None:
        """Count a run of the model for requests that share it."""
        self._count(rows, 1, took_s)

    def failure(self, admitted: float, ended: float) -> None:
        """Count a request that was admitted and not answered: it failed, came too late, or its client left."""
        self.failed += 1
        self.failed_s += ended - admitted

    def cache_hit(self, took_s: float) -> None:
        self.cache_hits += 1
        self.cache_hit_s += took_s

    def cache_miss(self, took_s: float) -> None:
        self.cache_misses += 1
        self.cache_miss_s += took_s

    def runs(self) -> List[Tuple[int, int, float]]:
        """Say how many runs had how many rows, and the seconds that those took together; by the number of rows."""
        self._turn(self._rows)
        return [(rows, int(runs), took_s) for rows, (runs, took_s) in sorted(self._by_rows.items())]

    def _turn(self, rows: int) -> None:
        """Put the requests that ran alone into the table; what comes next has ``rows`` rows."""
        alone, alone_s = self.succeeded - self._shared, self.compute_s - self._shared_s
        if alone > self._alone_then:
            self._count(self._rows, alone - self._alone_then, alone_s - self._alone_s)
        self._alone_then, self._alone_s, self._rows = alone, alone_s, rows

    def _count(self, rows: int, runs: int, took_s: float) -> None:
        counted = self._by_rows.setdefault(rows, [0, 0.0])
        counted[0] += runs
        counted[1] += took_s
