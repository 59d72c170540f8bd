"""Bodies that end processes, where the runtime marks none: one whose models may take less time than a mark does.

As long as no process of the revision has died nothing is marked, and asking costs the reading of one byte. From a death
on, for an hour, whatever such a model runs is marked before it runs (``runtimes/blame.py``): so one of them dies
unmarked, or a second that was given the body before the supervisor had seen the first, and two that are marked.
"""

from __future__ import annotations

from typing import Callable, Sequence

from ..runtimes.base import Call, see_that_somebody_waits
from ..runtimes.blame import DIGESTS, Blame, digest_of_tensors
from ..tensors import Tensors
from .batches import Part

_MOST_TOGETHER = DIGESTS // 2  # that are marked: others may run at the same time


class Watch:
    """``table[WATCHED_AT]`` is 0 where ``blame`` does not watch."""

    def __init__(self, blame: Blame) -> None:
        self.table = blame.table
        self.is_kept = blame.watches
        self._blame = blame

    def keeps_apart(self, parts: Sequence[Part]) -> bool:
        """Say whether these must not run together: one has ended a process, perhaps, or they are too many to mark."""
        for part in parts:
            part.call.digest = part.call.digest or digest_of_tensors(part.asked)
        return len(parts) > _MOST_TOGETHER or any(self._blame.is_suspect(part.call.digest) for part in parts)

    def marked(self, infer: Callable[[Tensors, Call], Tensors], tensors: Tensors, calls: Sequence[Call]) -> Tensors:
        """Run the model on what these calls gave it, together or one alone.

        Raises:
            BodyRefused: the only one has ended two processes.
            DeadlineExceeded: nobody waits any more. What ``infer`` raises.
        """
        if len(calls) == 1:
            calls[0].digest = calls[0].digest or digest_of_tensors(tensors)
        digests = [call.digest for call in calls if call.digest]  # none, of several, if a process died just now
        if not digests:
            return infer(tensors, calls[0])
        with self._blame.of(digests, calls[0].request_id):
            see_that_somebody_waits(calls)
            try:
                return infer(tensors, calls[0])
            finally:
                self._blame.acquit(digests)
