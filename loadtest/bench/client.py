"""The load: N keep-alive HTTP/1.1 connections in a closed loop, each sending its next request when it has its answer.

Written on asyncio's protocols, since a client of many layers would take the CPU that is to be measured.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple, cast

FINISH_WITHIN_S = 10.0  # an answer later than this is a failure
_MAX_HEAD_BYTES = 1 << 16


class Request(NamedTuple):
    """What every connection sends, again and again."""

    host: str
    port: int
    path: str
    body: bytes
    headers: Mapping[str, str] = {}
    method: str = "POST"

    def encode(self) -> bytes:
        own = {"host": f"{self.host}:{self.port}", "content-type": "application/json"}
        head = own | dict(self.headers) | {"content-length": str(len(self.body))}
        lines = [f"{self.method} {self.path} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items())]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + self.body


class Load(NamedTuple):
    """What came of a load. ``failures`` are other statuses than 200 and broken connections, counted in ``requests``."""

    requests: int
    failures: int
    seconds: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    first_failure: str


class _Tally:
    def __init__(self) -> None:
        self.latencies_s: list[float] = []
        self.failures = 0
        self.first_failure = ""
        self.open: set[_Connection] = set()
        self.stopping = False
        self.idle = asyncio.Event()

    def fail(self, why: str) -> None:
        self.failures += 1
        self.first_failure = self.first_failure or why


class _Connection(asyncio.Protocol):
    def __init__(self, next_message: Callable[[], bytes], tally: _Tally) -> None:
        self._next_message = next_message
        self._tally = tally
        self._buffer = b""
        self._sent_at = 0.0
        self._transport: asyncio.WriteTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's are no subclasses
        self._tally.open.add(self)
        self._send()

    def data_received(self, data: bytes) -> None:
        self._buffer = buffer = self._buffer + data if self._buffer else data
        end_of_head = buffer.find(b"\r\n\r\n")
        if end_of_head < 0:
            if len(buffer) > _MAX_HEAD_BYTES:
                self._transport.abort()
            return
        if len(buffer) < end_of_head + 4 + content_length(buffer[: end_of_head + 2]):
            return
        self._buffer = b""
        self._tally.latencies_s.append(time.perf_counter() - self._sent_at)
        if not buffer.startswith(b"HTTP/1.1 200"):
            self._tally.fail(buffer[:300].decode("latin-1"))
        if self._tally.stopping:
            self._sent_at = 0.0
            self._transport.close()
        else:
            self._send()

    def connection_lost(self, error: Exception | None) -> None:
        if self._sent_at:
            self._tally.latencies_s.append(time.perf_counter() - self._sent_at)
            self._tally.fail(f"connection lost: {error or 'closed by the server'}")
        self._tally.open.discard(self)
        if not self._tally.open:
            self._tally.idle.set()

    def abort(self) -> None:
        self._transport.abort()

    def _send(self) -> None:
        message = self._next_message()
        self._sent_at = time.perf_counter()
        self._transport.write(message)


async def run_load(
    request: Request, *, connections: int, seconds: float, bodies: Callable[[], bytes] | None = None
) -> Load:
    """Load for ``seconds``, then let what is in flight finish. A connection that breaks is not opened again.

    ``bodies`` gives each request a body of its own.
    """
    loop = asyncio.get_running_loop()
    tally = _Tally()
    message = request.encode()

    def next_message() -> bytes:
        return request._replace(body=bodies()).encode() if bodies else message

    begin = time.perf_counter()
    for _ in range(connections):
        await loop.create_connection(lambda: _Connection(next_message, tally), request.host, request.port)
    try:
        await asyncio.wait_for(tally.idle.wait(), max(0.0, seconds - (time.perf_counter() - begin)))
    except TimeoutError:
        tally.stopping = True
        await _finish(tally)
    taken = time.perf_counter() - begin
    ordered = sorted(tally.latencies_s)
    return Load(
        requests=len(ordered),
        failures=tally.failures,
        seconds=taken,
        p50_ms=percentile(ordered, 0.50) * 1000,
        p95_ms=percentile(ordered, 0.95) * 1000,
        p99_ms=percentile(ordered, 0.99) * 1000,
        first_failure=tally.first_failure,
    )


async def _finish(tally: _Tally) -> None:
    try:
        await asyncio.wait_for(tally.idle.wait(), FINISH_WITHIN_S)
    except TimeoutError:
        for connection in tally.open.copy():
            connection.abort()
        await tally.idle.wait()


def percentile(ordered: list[float], share: float) -> float:
    """Return the smallest value that at least ``share`` of the values do not exceed; 0.0 of none."""
    if not ordered:
        return 0.0
    rank = -int(-share * len(ordered) // 1)  # ceiling
    return ordered[max(rank, 1) - 1]


def content_length(head: bytes) -> int:
    """Return what a head says of its body's length; 0 if nothing."""
    marker = head.lower().find(b"\r\ncontent-length:")
    if marker < 0:
        return 0
    value = head[marker + 17 : head.index(b"\r\n", marker + 17)]
    return int(value)
