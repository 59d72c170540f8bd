"""Lines from HAProxy to telemetry. Whole chunks are handed on; no line is looked at here.

When telemetry is away, lines are held up to a bound, then no more are taken: HAProxy's ring holds them, and what it has
to drop at last shows as a gap in the counters.
"""

import asyncio
import contextlib
import logging
from collections import deque

import httpx

log = logging.getLogger("slipway.edge")

CHUNK_BYTES = 256 * 1024
POST_BYTES = 1024 * 1024
HELD_BYTES = 16 * 1024 * 1024
GATHER_S = 0.25  # a post costs telemetry a disk flush, however few lines it has
RETRY_S = 0.5


class LogReceiver:
    """A TCP server on loopback for HAProxy's ring, and the way onward."""

    def __init__(self, telemetry_url: str) -> None:
        self._url = f"{telemetry_url}/v1/requests"
        self._held: deque[bytes] = deque()
        self._held_bytes = 0
        self._room = asyncio.Event()
        self._room.set()
        self._news = asyncio.Event()
        self._sent = asyncio.Event()  # everything held is sent
        self._sent.set()
        self._connections: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def listen(self) -> str:
        """Begin to listen and return the address."""
        self._server = await asyncio.start_server(self._receive, "127.0.0.1", 0, limit=CHUNK_BYTES)
        host, port = self._server.sockets[0].getsockname()
        return f"{host}:{port}"

    def hold(self, lines: bytes) -> None:
        """Take whole lines that came another way."""
        if lines:
            self._held.append(lines)
            self._held_bytes += len(lines)
            self._news.set()
            self._sent.clear()
            if self._held_bytes >= HELD_BYTES:
                self._room.clear()

    async def forward(self) -> None:
        """Send what is held to telemetry, for ever; a batch is let go when telemetry has it on disk."""
        async with httpx.AsyncClient(timeout=30.0, trust_env=False) as http:
            while True:
                await self._news.wait()
                await asyncio.sleep(GATHER_S)
                while self._held:
                    await self._send(http, self._take())
                self._news.clear()
                self._sent.set()

    async def flush(self, within_s: float) -> None:
        """Wait until everything held is sent, but no longer than ``within_s``."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._sent.wait(), within_s)

    async def close(self) -> None:
        """Stop listening and let go of every connection."""
        if self._server is not None:
            self._server.close()
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def _receive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._read(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        rest = b""
        try:
            while chunk := await reader.read(CHUNK_BYTES):
                whole, newline, rest = (rest + chunk).rpartition(b"\n")
                self.hold(whole + newline)
                await self._room.wait()
        except ConnectionError:
            pass
        finally:
            writer.close()

    def _take(self) -> bytes:
        parts, size = [], 0
        while self._held and size + len(self._held[0]) <= POST_BYTES + CHUNK_BYTES:
            parts.append(self._held.popleft())
            size += len(parts[-1])
            if size >= POST_BYTES:
                break
        if not parts:
            parts.append(self._held.popleft())
            size = len(parts[0])
        self._held_bytes -= size
        if self._held_bytes < HELD_BYTES:
            self._room.set()
        return b"".join(parts)

    async def _send(self, http: httpx.AsyncClient, lines: bytes) -> None:
        warned = False
        while True:
            try:
                answer = await http.post(self._url, content=lines)
                if answer.status_code == 204:
                    return
                reason = f"{answer.status_code} {answer.text[:200]}"
                if answer.status_code == 400:  # it will not get better by itself
                    log.error("telemetry refused %d bytes of lines: %s", len(lines), reason)
                    return
            except httpx.HTTPError as error:
                reason = repr(error)
            if not warned:
                log.warning("telemetry does not take lines, holding them: %s", reason)
                warned = True
            await asyncio.sleep(RETRY_S)
