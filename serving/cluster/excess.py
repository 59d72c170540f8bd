"""Whether a scoring process goes too far: seen from outside, so that it need not answer for that."""

import asyncio
from collections.abc import Callable

from serving.node.proc import resident_bytes
from serving.node.running.blame_file import BlameFile

LOOK_S = 0.25
LEAST_GRACE_S, MOST_GRACE_S = 2.0, 10.0


class Excess:
    """Of the process ``pid``. ``memory_bytes`` is what its image says it may hold.

    A run that goes on past ``timeout_s``, when nobody waits for its answer any more, has its thread for itself. It may
    do so for as long as the process took to load: then starting another is, at worst, twice what waiting would have
    cost. ``monotonic_s`` is the clock that the table's marks are made by.
    """

    def __init__(
        self,
        pid: int,
        table: BlameFile,
        memory_bytes: int | None,
        timeout_s: float,
        loading_s: float,
        monotonic_s: Callable[[], float],
    ) -> None:
        self._pid = pid
        self._table = table
        self._memory_bytes = memory_bytes
        self._longest_s = timeout_s + min(max(loading_s, LEAST_GRACE_S), MOST_GRACE_S)
        self._now_s = monotonic_s

    async def found(self) -> str:
        """Return why the process should end, once there is a reason."""
        while not (reason := self.look()):  # noqa: ASYNC110 - the kernel tells nobody
            await asyncio.sleep(LOOK_S)
        return reason

    def look(self) -> str:
        """Return why the process should end, or ""."""
        held_bytes = resident_bytes(self._pid)
        if self._memory_bytes is not None and held_bytes > self._memory_bytes:
            return f"held {held_bytes:,} bytes where its image allows {self._memory_bytes:,}"
        work = self._table.work_of(self._pid)
        if work is not None and self._now_s() - work.began_s > self._longest_s:
            return f"was in run() for over {self._longest_s:.3g} s"
        return ""
