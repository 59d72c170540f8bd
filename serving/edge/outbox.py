"""Lines on their way to telemetry: bounded, sent in batches, let go when they are durable."""

import asyncio
import logging
from collections import deque

import httpx

log = logging.getLogger("slipway.edge")

HELD_BYTES = 16 << 20
BATCH_BYTES = 4 << 20
EVERY_S = 0.1  # a batch costs a flush to the disk, however few its lines
RETRY_S = 0.5


class Outbox:
    """Holds whole lines for one of telemetry's doors. ``put`` waits while it is full: HAProxy's ring fills next."""

    def __init__(self, telemetry_url: str, door: str = "/v1/requests") -> None:
        self._url = f"{telemetry_url}{door}"
        self._chunks: deque[bytes] = deque()
        self._held = 0
        self._taken = 0  # bytes put, ever
        self._sent = 0  # bytes let go, ever
        self._changed = asyncio.Condition()

    async def put(self, lines: bytes) -> int:
        """Take lines when there is room; return the mark to give to ``sent``."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._held < HELD_BYTES)
            if lines:
                self._chunks.append(lines)
                self._held += len(lines)
                self._taken += len(lines)
                self._changed.notify_all()
            return self._taken

    async def sent(self, mark: int) -> None:
        """Return when all up to ``mark`` is durable at telemetry."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._sent >= mark)

    async def run(self) -> None:
        """Send, for ever."""
        async with httpx.AsyncClient(timeout=30.0, trust_env=False) as client:
            while True:
                async with self._changed:
                    await self._changed.wait_for(lambda: bool(self._chunks))
                batch = self._next_batch()
                await self._post(client, b"".join(batch))
                size = sum(map(len, batch))
                async with self._changed:
                    self._held -= size
                    self._sent += size
                    self._changed.notify_all()
                await asyncio.sleep(EVERY_S)

    def _next_batch(self) -> list[bytes]:
        batch = [self._chunks.popleft()]
        size = len(batch[0])
        while self._chunks and size + len(self._chunks[0]) <= BATCH_BYTES:
            batch.append(self._chunks.popleft())
            size += len(batch[-1])
        return batch

    async def _post(self, client: httpx.AsyncClient, lines: bytes) -> None:
        """Send until telemetry has the lines, or says that it never will."""
        away = False
        while True:
            try:
                answer = await client.post(self._url, content=lines)
                if answer.status_code == 204:
                    return
                reason = f"{answer.status_code} {answer.text[:200]}"
                if 400 <= answer.status_code < 500:
                    log.error("telemetry refuses %d lines for good: %s", lines.count(b"\n"), reason)
                    return
            except httpx.HTTPError as error:
                reason = repr(error)
            if not away:
                log.warning("telemetry takes no lines, they are held: %s", reason)
            away = True
            await asyncio.sleep(RETRY_S)
