import asyncio
from collections.abc import Awaitable, Callable

import pytest

from loadtest.bench.client import Load, Request, percentile, run_load

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


def load(handler: Handler, *, connections: int = 3, seconds: float = 0.3) -> Load:
    async def run() -> Load:
        server = await asyncio.start_server(handler, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            return await run_load(
                Request("127.0.0.1", port, "/score", b"[1]", {"authorization": "Bearer k"}),
                connections=connections,
                seconds=seconds,
            )

    return asyncio.run(run())


async def read_request(reader: asyncio.StreamReader) -> bytes:
    return await reader.readuntil(b"\r\n\r\n") + await reader.readexactly(3)


def answering(*parts: bytes) -> Handler:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                await read_request(reader)
                for part in parts:
                    writer.write(part)
                    await writer.drain()
                    await asyncio.sleep(0)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    return handle


def test_a_request_says_who_what_and_how_long() -> None:
    request = Request("h", 80, "/score", b"[1]", {"authorization": "Bearer k"})
    assert request.encode() == (
        b"POST /score HTTP/1.1\r\nhost: h:80\r\ncontent-type: application/json\r\n"
        b"authorization: Bearer k\r\ncontent-length: 3\r\n\r\n[1]"
    )


def test_requests_are_counted_and_timed() -> None:
    done = load(answering(OK))
    assert done.requests > 10
    assert done.failures == 0
    assert 0 < done.p50_ms <= done.p99_ms
    assert done.seconds == pytest.approx(0.3, abs=0.25)


def test_an_answer_in_pieces_is_one_answer() -> None:
    assert load(answering(OK[:10], OK[10:-1], OK[-1:])).failures == 0


def test_another_status_is_a_failure_and_the_first_is_shown() -> None:
    done = load(answering(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n"))
    assert done.failures == done.requests > 0
    assert done.first_failure.startswith("HTTP/1.1 401")


def test_a_broken_connection_is_a_failure_and_ends_the_load_when_none_is_left() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.close()

    done = load(hang_up, connections=2, seconds=30)
    assert (done.requests, done.failures) == (2, 2)
    assert done.first_failure == "connection lost: closed by the server"


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        ([], 0.5, 0.0),
        ([7.0], 0.99, 7.0),
        ([1.0, 2.0], 0.5, 1.0),
        ([float(n) for n in range(1, 101)], 0.5, 50.0),
        ([float(n) for n in range(1, 101)], 0.99, 99.0),
        ([float(n) for n in range(1, 102)], 0.99, 100.0),
    ],
)
def test_percentiles_are_values_that_occurred(values: list[float], share: float, expected: float) -> None:
    assert percentile(values, share) == expected
