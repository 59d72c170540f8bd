"""The open loop: requests at a given rate whatever comes back, as clients that know nothing of each other send them.

Each is timed from the moment it was meant to be sent, so that no answer which comes late hides those behind it.
"""

import asyncio
import contextlib
import time
from collections import Counter, deque
from typing import NamedTuple, cast

from loadtest.bench.client import FINISH_WITHIN_S, Request, content_length, percentile

MOST_CONNECTIONS = 1024
MOST_BYTES = 1 << 20  # of an answer
NO_ANSWER = 0  # stands for the status of a request whose connection broke, or that was given up


class OpenLoad(NamedTuple):
    """What came of a load. ``good`` are the 200 that came within the limit; ``seconds`` last until the last answer."""

    sent: int
    seconds: float
    statuses: Counter[int]
    good: int
    refused_without_retry_after: int
    p50_ms: float  # of the 200, as the next one
    p99_ms: float
    first_failure: str

    @property
    def good_per_s(self) -> float:
        return self.good / self.seconds


class _Connection(asyncio.Protocol):
    def __init__(self, crowd: "_Crowd", due: float) -> None:
        self._crowd = crowd
        self._due: float | None = due
        self._buffer = b""
        self._transport: asyncio.WriteTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's are no subclasses
        assert self._due is not None
        self._crowd.busy.add(self)
        self.send(self._due)

    def send(self, due: float) -> None:
        self._due = due
        self._transport.write(self._crowd.message)

    def data_received(self, data: bytes) -> None:
        self._buffer = buffer = self._buffer + data if self._buffer else data
        if not _is_whole(buffer):
            if len(buffer) > MOST_BYTES:
                self._transport.abort()
            return
        self._buffer = b""
        due, self._due = self._due, None
        if due is not None:
            self._crowd.answered(buffer, due)
            self._crowd.free(self)

    def connection_lost(self, error: Exception | None) -> None:
        due, self._due = self._due, None
        self._crowd.lost(self, due, str(error or "closed by the server"))

    def abort(self) -> None:
        self._due = None
        self._transport.abort()


class _Crowd:
    """The connections, and what is written down. A request takes an idle connection, else a new one."""

    def __init__(self, request: Request, count: int, limit_s: float) -> None:
        self.message = request.encode()
        self.done = asyncio.Event()
        self.statuses: Counter[int] = Counter()
        self.latencies_s: list[float] = []
        self.unsaid = 0
        self.first_failure = ""
        self._to = request
        self._left = count
        self._limit_s = limit_s
        self._open = 0
        self.busy: set[_Connection] = set()
        self._idle: list[_Connection] = []
        self._late: deque[float] = deque()  # when requests were due for which no connection was left
        self._opening: set[asyncio.Task[None]] = set()

    def send(self, due: float) -> None:
        if self._idle:
            connection = self._idle.pop()
            self.busy.add(connection)
            connection.send(due)
        elif self._open < MOST_CONNECTIONS:
            self._open += 1
            task = asyncio.ensure_future(self._connect(due))
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)
        else:
            self._late.append(due)

    async def _connect(self, due: float) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(lambda: _Connection(self, due), self._to.host, self._to.port)
        except OSError as error:
            self._open -= 1
            self._fail(str(error))

    def free(self, connection: _Connection) -> None:
        if self._late:
            connection.send(self._late.popleft())
        else:
            self.busy.discard(connection)
            self._idle.append(connection)

    def answered(self, answer: bytes, due: float) -> None:
        status = int(answer[9:12])
        self._count(status)
        if status == 200:
            self.latencies_s.append(time.perf_counter() - due)
        elif status == 429:
            self.unsaid += b"\r\nretry-after:" not in answer.lower()
        else:
            self.first_failure = self.first_failure or answer[:300].decode("latin-1")

    def lost(self, connection: _Connection, due: float | None, why: str) -> None:
        self._open -= 1
        self.busy.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        if due is not None:
            self._fail(why)
        if self._late:
            self.send(self._late.popleft())

    def _fail(self, why: str) -> None:
        self._count(NO_ANSWER)
        self.first_failure = self.first_failure or f"connection lost: {why}"

    def _count(self, status: int) -> None:
        self.statuses[status] += 1
        self._left -= 1
        if not self._left:
            self.done.set()

    def close(self) -> None:
        """Give up what has no answer."""
        self.statuses += Counter({NO_ANSWER: self._left})
        for connection in (*self._idle, *self.busy):
            connection.abort()

    def load(self, sent: int, seconds: float) -> OpenLoad:
        ordered = sorted(self.latencies_s)
        good = sum(latency_s <= self._limit_s for latency_s in ordered)
        p50, p99 = (percentile(ordered, share) * 1000 for share in (0.50, 0.99))
        return OpenLoad(sent, seconds, self.statuses, good, self.unsaid, p50, p99, self.first_failure)


async def run_open_load(request: Request, *, rate_per_s: float, seconds: float, limit_s: float) -> OpenLoad:
    """Send ``rate_per_s × seconds`` requests, evenly; wait for their answers, and give up those that do not come."""
    count = round(rate_per_s * seconds)
    crowd = _Crowd(request, count, limit_s)
    begin = time.perf_counter()
    for number in range(count):
        due = begin + number / rate_per_s
        if (early_s := due - time.perf_counter()) > 0:
            await asyncio.sleep(early_s)
        crowd.send(due)
    await asyncio.sleep(max(0.0, begin + seconds - time.perf_counter()))
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(crowd.done.wait(), FINISH_WITHIN_S)
    crowd.close()
    return crowd.load(count, time.perf_counter() - begin)


def _is_whole(answer: bytes) -> bool:
    end_of_head = answer.find(b"\r\n\r\n")
    return end_of_head >= 0 and len(answer) >= end_of_head + 4 + content_length(answer[: end_of_head + 2])
