"""The open loop against servers that answer, refuse, dawdle and hang up."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from loadtest.bench.client import Request
from loadtest.bench.open_loop import NO_ANSWER, OpenLoad, run_open_load

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Answer = Callable[[int], bytes]  # what the n-th request of a server gets

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


def load(handler: Handler, *, rate_per_s: float = 200, seconds: float = 0.2, limit_s: float = 1) -> OpenLoad:
    async def run() -> OpenLoad:
        server = await asyncio.start_server(handler, "127.0.0.1", 0)
        async with server:
            request = Request("127.0.0.1", server.sockets[0].getsockname()[1], "/score", b"[1]")
            return await run_open_load(request, rate_per_s=rate_per_s, seconds=seconds, limit_s=limit_s)

    return asyncio.run(run())


def answering(answer: Answer, after_s: float = 0.0) -> Handler:
    count = 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n[1]")
                count += 1
                number = count
                await asyncio.sleep(after_s)
                writer.write(answer(number))
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            writer.close()

    return handle


def test_as_many_are_sent_as_the_rate_says() -> None:
    done = load(answering(lambda _: OK))
    assert (done.sent, done.good, done.statuses) == (40, 40, {200: 40})
    assert done.good_per_s == pytest.approx(40 / done.seconds)
    assert done.seconds >= 0.2
    assert 0 < done.p50_ms <= done.p99_ms


def test_a_server_that_dawdles_is_sent_no_fewer() -> None:
    done = load(answering(lambda _: OK, after_s=0.5), limit_s=0.4)
    assert (done.sent, done.statuses, done.good) == (40, {200: 40}, 0)
    assert done.p50_ms > 490


def test_a_time_begins_when_the_request_was_to_be_sent() -> None:
    """While the loop is held nothing is sent: that is no gain to a server."""

    def hold(number: int) -> bytes:
        if number == 1:
            time.sleep(0.15)
        return OK

    done = load(answering(hold), rate_per_s=100, seconds=0.1)
    assert done.statuses == {200: 10}
    assert done.p50_ms > 50


def test_refusals_are_no_failures_and_those_without_a_time_are_counted() -> None:
    told = b"HTTP/1.1 429 Too Many\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"
    untold = b"HTTP/1.1 429 Too Many\r\nContent-Length: 0\r\n\r\n"
    done = load(answering(lambda number: untold if number % 2 else told))
    assert (done.statuses, done.refused_without_retry_after, done.first_failure) == ({429: 40}, 20, "")


def test_another_status_is_shown_once() -> None:
    done = load(answering(lambda _: b"HTTP/1.1 504 Gateway Time-out\r\nContent-Length: 0\r\n\r\n"))
    assert done.statuses == {504: 40}
    assert done.first_failure.startswith("HTTP/1.1 504")


def test_connections_that_break_are_opened_again() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"[1]")
        writer.close()

    done = load(hang_up)
    assert done.statuses == {NO_ANSWER: 40}
    assert done.first_failure == "connection lost: closed by the server"


def test_where_nobody_listens_nothing_is_answered() -> None:
    done = asyncio.run(run_open_load(Request("127.0.0.1", 1, "/", b""), rate_per_s=100, seconds=0.1, limit_s=1))
    assert done.statuses == {NO_ANSWER: 10}
