"""Copies on their way to one deployment of an endpoint: how many wait, how many are under way, when it gives way."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from serving.edge.mirroring.ledger import Ledger
from serving.scoring.mirror import Answered
from serving.wire.comparison import Comparison, Outcome

AT_ONCE = 4  # under way: a deployment that is slower than what it mirrors gets no more than it takes
MOST, MOST_BYTES = 256, 16 << 20  # waiting
PAUSES_S = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)  # when there is no answer, again and again

log = logging.getLogger("slipway.mirror")

Send = Callable[[Answered], Awaitable[Comparison]]


class Lane:
    """``senders`` are as many as may be under way."""

    def __init__(self, target: str, senders: Sequence[Send], ledger: Ledger) -> None:
        self.target = target  # the last revision that answered; its deployment, before any has
        self._ledger = ledger
        self._waiting: deque[Answered] = deque()
        self._held = 0
        self._some = asyncio.Event()
        self._failures = 0
        self._pause: asyncio.Future[None] | None = None
        self._under_way = 0
        self._workers = [asyncio.create_task(self._work(send)) for send in senders]

    @property
    def idle(self) -> bool:
        return not self._waiting and not self._under_way

    def offer(self, one: Answered) -> None:
        """Take a copy to be, or drop and count it."""
        size = _size(one)
        if len(self._waiting) >= MOST or self._held + size > MOST_BYTES:
            self.drop(one.backend)
            return
        self._waiting.append(one)
        self._held += size
        self._some.set()

    def drop(self, primary: str, copies: int = 1) -> None:
        self._ledger.count(primary, self.target, Outcome.DROPPED, copies)

    async def close(self) -> None:
        """Give up what is under way, and count it with what waits."""
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        while self._waiting:
            self.drop(self._waiting.popleft().backend)

    async def _work(self, send: Send) -> None:
        while True:
            while not self._waiting or self._pause is not None:
                if self._pause is not None:
                    await asyncio.shield(self._pause)
                else:
                    self._some.clear()
                    await self._some.wait()
            one = self._waiting.popleft()
            self._held -= _size(one)
            self._under_way += 1
            try:
                await self._settle(one, await send(one))
            except asyncio.CancelledError:
                self.drop(one.backend)
                raise
            except Exception:
                log.exception("request %s could not be compared", one.request_id)
                self._ledger.count(one.backend, self.target, Outcome.FAILED)
            finally:
                self._under_way -= 1

    async def _settle(self, one: Answered, became: Comparison) -> None:
        if became.target.count(".") == 2:
            self.target = became.target
        if became.outcome is Outcome.COMPARED:
            self._failures = 0
            await self._ledger.compared(became)
            return
        self._ledger.count(one.backend, self.target, became.outcome)
        if self._pause is None:
            loop = asyncio.get_running_loop()
            self._pause = loop.create_future()
            loop.call_later(PAUSES_S[min(self._failures, len(PAUSES_S) - 1)], self._go_on)
            self._failures += 1

    def _go_on(self) -> None:
        pause, self._pause = self._pause, None
        assert pause is not None
        pause.set_result(None)


def _size(one: Answered) -> int:
    return len(one.body) + len(one.answer)
