"""What has become of the requests that a model worked on. Counted on the event loop only, so nothing is locked."""

from __future__ import annotations


class Statistics:
    """Totals since the start; times in seconds, moments on the data plane's clock. ``items`` are rows of batches."""

    __slots__ = ("compute_s", "failed", "failed_s", "items", "last_began", "queue_s", "succeeded")

    def __init__(self) -> None:
        self.succeeded = 0
        self.items = 0
        self.queue_s = 0.0
        self.compute_s = 0.0
        self.failed = 0
        self.failed_s = 0.0
        self.last_began = 0.0

    def success(self, items: int, admitted: float, began: float, ended: float) -> None:
        """Count a request that waited until ``began`` and was worked on until ``ended``."""
        self.succeeded += 1
        self.items += items
        self.queue_s += began - admitted
        self.compute_s += ended - began
        self.last_began = began

    def failure(self, admitted: float, ended: float) -> None:
        """Count a request that was admitted and not answered: it failed, came too late, or its client left."""
        self.failed += 1
        self.failed_s += ended - admitted
