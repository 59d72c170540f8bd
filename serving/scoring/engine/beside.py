"""What takes Python a while and is not the model's, such as reading ten million cells: on a thread, and in time."""

from __future__ import annotations

import asyncio
import gc
from functools import partial
from typing import Callable, TypeVar

from ..errors import DeadlineExceeded
from ..fast_path import leave_fast_path
from ..runtimes.base import Call
from ..runtimes.interruption import Interruption

T = TypeVar("T")


class Beside:
    """One event loop's. The garbage collector rests meanwhile: it would look through millions of new lists, none of
    them garbage, again and again, which takes several times what reading them does."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._under_way = 0
        self._collected = True

    async def do(self, work: Callable[[], T], call: Call) -> T:
        """Do it, and end it, as far as it is Python's, when nobody waits for it any more.

        Raises:
            DeadlineExceeded: the request's time is over.
            What ``work`` raises.
        """
        await leave_fast_path()
        interruption = Interruption()
        self._begin()
        try:
            future = asyncio.get_running_loop().run_in_executor(None, partial(_interruptible, interruption, call, work))
            return await asyncio.wait_for(future, call.deadline - self._clock())
        except asyncio.TimeoutError:
            raise DeadlineExceeded(call.timeout_ms) from None
        finally:
            interruption.end(call)
            self._end()

    def _begin(self) -> None:
        if not self._under_way:
            self._collected = gc.isenabled()
            gc.disable()
        self._under_way += 1

    def _end(self) -> None:
        self._under_way -= 1
        if not self._under_way and self._collected:
            gc.enable()


def _interruptible(interruption: Interruption, call: Call, work: Callable[[], T]) -> T:
    with interruption.of(call):
        return work()
