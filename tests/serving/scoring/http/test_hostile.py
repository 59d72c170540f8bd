"""Clients that are slow, greedy, broken or not what they seem, and what they cost."""

import asyncio
import json
import shutil
import socket
import subprocess
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from serving.scoring.fast_path import leave_fast_path
from serving.scoring.http.bodies import LARGEST_AT_ONCE, SMALL_BYTES
from serving.scoring.http.connection import AT_ONCE, Connection
from serving.scoring.http.messages import TEXT, Answer, Request, Response
from serving.scoring.http.server import HttpServer
from tests.serving.scoring.http.listening import answer, serve, until

Connect = Callable[..., Any]
GET = b"GET /a HTTP/1.1\r\nhost: x\r\n\r\n"
CHUNKED = b"POST /a HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
COUNT = "def init(): ...\ndef run(data): return len(data)\n"


class Counting:
    """Answers with the headers and the body's length, and counts."""

    def __init__(self) -> None:
        self.answered = 0

    async def __call__(self, request: Request) -> Answer:
        self.answered += 1
        names = b", ".join(sorted(request.headers))
        return Response(200, b"%b %d" % (names, len(request.body)), TEXT)


def sent(*pieces: bytes, app: Counting | None = None) -> tuple[int, dict[str, str], bytes]:
    """Send pieces and return the first answer."""

    async def talk(server: HttpServer, connect: Connect) -> Any:
        reader, writer = await connect()
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(0)
        return await answer(reader)

    result: tuple[int, dict[str, str], bytes] = serve(app or Counting(), talk)
    return result


async def only(server: HttpServer) -> Connection:
    await until(lambda: len(server.connections) == 1)
    (connection,) = server.connections
    return connection


@pytest.mark.parametrize("endless", [b"0\r\nx: ", b"0\r\n", b"1;x=", b"1\r\na\r\n0\r\nx: "])
def test_lines_of_a_chunked_body_that_do_not_end_are_refused(endless: bytes) -> None:
    line = b"x: y\r\n" if endless.endswith(b"\n") else b"a" * 6
    status, _, body = sent(CHUNKED + endless, line * 50_000)
    assert status == 431
    assert b"chunk" in body


def test_a_body_in_many_small_chunks_is_read_whole() -> None:
    status, _, body = sent(
        CHUNKED, *[piece for _ in range(90) for piece in (b"1;" + b"x" * 1000 + b"\r\n", b"a\r\n")], b"0\r\n\r\n"
    )
    assert (status, body) == (200, b"host, transfer-encoding 90")


# Slow


def test_a_head_that_does_not_come_in_time_is_a_408_however_often_a_byte_comes() -> None:
    async def talk(server: HttpServer, connect: Connect) -> Any:
        reader, writer = await connect()
        now = asyncio.get_running_loop().time()
        for byte in b"GET /a HT":
            writer.write(bytes([byte]))
        connection = await only(server)
        await until(lambda: connection._reader._head_bytes == 9)
        connection.check_pace(now + 25)
        writer.write(b"T")
        await until(lambda: connection._reader._head_bytes == 10)
        connection.check_pace(now + 32)
        return await answer(reader), await reader.read()

    (status, headers, body), rest = serve(Counting(), talk)
    assert (status, headers["connection"], rest) == (408, "close", b"")
    assert json.loads(body)["message"] == "the request did not arrive in time"


def test_a_body_may_take_its_time_at_a_pace_and_not_below_it() -> None:
    async def talk(server: HttpServer, connect: Connect) -> Any:
        reader, writer = await connect()
        now = asyncio.get_running_loop().time()
        writer.write(b"POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: 200000\r\n\r\n" + b"a" * (160 * 1024))
        connection = await only(server)
        await until(lambda: connection._reader.body_bytes == 160 * 1024)
        connection.check_pace(now + 39)
        assert not connection._reader.ended
        connection.check_pace(now + 42)
        return await answer(reader)

    assert serve(Counting(), talk, max_body_bytes=1 << 20)[0] == 408


def test_a_client_that_connects_and_says_nothing_is_closed_after_a_while() -> None:
    async def talk(server: HttpServer, connect: Connect) -> Any:
        reader, _ = await connect()
        connection = await only(server)
        connection.check_pace(asyncio.get_running_loop().time() + 91)
        return await reader.read()

    assert serve(Counting(), talk) == b""


# Broken


@pytest.mark.parametrize(
    "begun",
    [
        b"POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nabc",
        CHUNKED + b"5\r\nab",
        CHUNKED + b"2\r\nab\r\n",
        b"GET /a HTTP/1.1\r\nho",
    ],
)
def test_a_request_that_is_cut_short_is_never_begun(begun: bytes) -> None:
    app = Counting()

    async def talk(server: HttpServer, connect: Connect) -> Any:
        reader, writer = await connect()
        writer.write(begun)
        writer.write_eof()
        await reader.read()
        await until(lambda: not server.connections)

    serve(app, talk)
    assert app.answered == 0


def test_what_follows_a_chunked_body_is_no_header_and_costs_nothing() -> None:
    trailers = b"0\r\nx-slipway-edge: forged\r\n" + b"".join(b"t%d: x\r\n" % n for n in range(1000))
    status, _, body = sent(CHUNKED + b"3;extension=1\r\nabc\r\n", trailers, b"\r\n")
    assert (status, body) == (200, b"host, transfer-encoding 3")


@pytest.mark.parametrize(
    ("head", "wanted"),
    [
        (b"transfer-encoding: gzip, chunked", 415),
        (b"transfer-encoding: chunked, chunked", 400),
        (b"transfer-encoding: chunked\r\ntransfer-encoding: gzip", 400),
        (b"transfer-encoding: gzip", 415),
        (b"transfer-encoding: identity", 415),
        (b"content-length: 3, 3", 400),
        (b"content-length: 3\r\ncontent-length: 3", 400),
        (b"content-length: +3", 400),
        (b"content-length: 0x3", 400),
        (b"content-length: 3\r\ntransfer-encoding: chunked", 400),
        (b"content-length: 18446744073709551616", 400),
        (b"content-length: 18446744073709551615", 413),
        (b"content-length: 1000000000000", 413),
        (b"bad header", 400),
        (b"x: \x00", 400),
        (b" folded: x", 400),
        (b"x: " + b"a" * 70_000, 431),
        (b"".join(b"a%d: x\r\n" % n for n in range(10_000)) + b"b: x", 431),
    ],
)
def test_a_head_that_says_two_things_or_too_much_is_refused_and_ends_the_connection(head: bytes, wanted: int) -> None:
    app = Counting()
    request = b"POST /a HTTP/1.1\r\nhost: x\r\n" + head + b"\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    status, headers, _ = sent(request, GET, app=app)
    assert (status, headers["connection"], app.answered) == (wanted, "close", 0)


def test_a_chunk_of_an_absurd_size_is_refused() -> None:
    assert sent(CHUNKED + b"fffffffffffffffff\r\n")[0] == 400
    assert sent(CHUNKED + b"-1\r\n")[0] == 400


def test_http_1_0_is_never_told_to_go_on() -> None:
    request = b"POST /a HTTP/1.0\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\nabc"
    assert sent(request)[0] == 200


# Greedy


def test_pipelined_requests_leave_others_their_turn() -> None:
    app = Counting()

    async def talk(server: HttpServer, connect: Connect) -> list[int]:
        reader, writer = await connect()
        writer.write(GET * 500)
        seen = []
        while app.answered < 500:
            await asyncio.sleep(0)
            seen.append(app.answered)
        for _ in range(500):
            await answer(reader)
        return seen

    seen: list[int] = serve(app, talk)
    assert all(later - before <= AT_ONCE + 1 for before, later in zip([1, *seen], seen, strict=False))


def test_of_too_many_connections_those_go_that_wait_longest_for_their_client() -> None:
    app = Counting()

    async def talk(server: HttpServer, connect: Connect) -> None:
        kept, kept_writer = await connect()
        (await only(server))._since += 1  # as if it were answered a second later than the other came
        gone, _ = await connect()
        await until(lambda: len(server.connections) == 2)
        for connection in server.connections:  # and both a second before the next: the loop's clock counts in ms
            connection._since -= 1
        new, new_writer = await connect()
        assert await gone.read() == b""
        for reader, writer in ((new, new_writer), (kept, kept_writer)):
            writer.write(GET)
            assert (await answer(reader))[0] == 200

    serve(app, talk, max_connections=2)


def test_a_request_that_is_being_answered_never_gives_way() -> None:
    go = asyncio.Event()

    async def waiting(request: Request) -> Answer:
        await leave_fast_path()
        await go.wait()
        return Response(200, b"", TEXT)

    async def talk(server: HttpServer, connect: Connect) -> int:
        reader, writer = await connect()
        writer.write(GET)
        connection = await only(server)
        await until(lambda: connection._busy)
        other, _ = await connect()
        assert await other.read() == b""
        go.set()
        return int((await answer(reader))[0])

    assert serve(waiting, talk, max_connections=1) == 200


LARGE = 4 * SMALL_BYTES


def post(size: int) -> bytes:
    return b"POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % size


def test_large_bodies_that_are_in_memory_are_bounded_over_all_connections() -> None:
    app = Counting()

    async def talk(server: HttpServer, connect: Connect) -> Any:
        holding = [await connect() for _ in range(LARGEST_AT_ONCE)]
        for _, writer in holding:
            writer.write(post(LARGE) + b"a" * (LARGE - 1))
        await until(lambda: server.bodies.held == LARGEST_AT_ONCE * (LARGE - 1))
        reader, writer = await connect()
        writer.write(post(LARGE) + b"a" * LARGE)
        status, headers, body = await answer(reader)
        assert (status, headers["retry-after"], headers["connection"]) == (429, "1", "close")
        assert b"large bodies are in memory" in body
        reader, writer = await connect()
        writer.write(post(3) + b"abc")  # small ones pass
        assert (await answer(reader))[0] == 200
        holding[0][1].transport.abort()  # its bytes are free again, as are those of what is answered
        for reader, writer in holding[1:]:
            writer.write(b"a")
            assert (await answer(reader))[0] == 200
        await until(lambda: server.bodies.held == 0)

    serve(app, talk, max_body_bytes=LARGE)
    assert app.answered == LARGEST_AT_ONCE


def test_a_client_that_leaves_takes_its_large_bodies_along() -> None:
    async def waiting(request: Request) -> Answer:
        await leave_fast_path()
        return await asyncio.Future()

    async def talk(server: HttpServer, connect: Connect) -> None:
        _, writer = await connect()
        writer.write(post(LARGE) + b"a" * LARGE + post(LARGE) + b"a" * (LARGE - 1))
        await until(lambda: server.bodies.held == 2 * LARGE - 1)  # one is being answered, the other arriving
        writer.transport.abort()
        await until(lambda: server.bodies.held == 0)

    serve(waiting, talk, max_body_bytes=LARGE)


@pytest.mark.parametrize("ending", [b"", b"0\r\n\r\n"])
def test_a_body_over_the_limit_leaves_nothing_behind(ending: bytes) -> None:
    async def talk(server: HttpServer, connect: Connect) -> int:
        reader, writer = await connect()
        size = LARGE + 1
        writer.write(CHUNKED + b"%x\r\n%b\r\n" % (size, b"a" * size) + ending)
        status = (await answer(reader))[0]
        assert server.bodies.held == 0
        return int(status)

    assert serve(Counting(), talk, max_body_bytes=LARGE) == 413


# A real process


def test_bodies_up_to_the_limit_pass_and_larger_ones_say_how_to_raise_it(start: Callable[..., Any]) -> None:
    process = start(script=COUNT)
    url = f"http://{process.http}/score"
    for size in (10 << 20, 64 << 20):
        assert httpx.post(url, content=b"a" * size, timeout=30).json() == size
    refused = httpx.post(url, content=b"a" * ((64 << 20) + 1), timeout=30)
    assert refused.status_code == 413
    assert "over 67108864 bytes: SLIPWAY_MAX_BODY_MB" in refused.json()["message"]


def test_a_deployments_variable_sets_the_limit(start: Callable[..., Any]) -> None:
    process = start(script=COUNT, environment={"SLIPWAY_MAX_BODY_MB": "1"})
    url = f"http://{process.http}/score"
    assert httpx.post(url, content=b"a" * (1 << 20)).json() == 1 << 20
    assert httpx.post(url, content=b"a" * ((1 << 20) + 1)).status_code == 413


def test_a_limit_that_is_none_is_told(start: Callable[..., Any]) -> None:
    process = start(script=COUNT, environment={"SLIPWAY_MAX_BODY_MB": "much"})
    assert process.child.wait(10) == 2
    assert "'much' is no whole number from 1 to 2047 (SLIPWAY_MAX_BODY_MB)" in process.log_text()


@pytest.mark.skipif(shutil.which("curl") is None, reason="NOT TESTED: there is no curl")
def test_curl_that_waits_to_be_told_sends_its_large_body(start: Callable[..., Any], tmp_path: Any) -> None:
    process = start(script=COUNT)
    (tmp_path / "body").write_bytes(b"a" * (2 << 20))
    curl = ["curl", "-sS", "-v", "-H", "Expect: 100-continue", "--expect100-timeout", "60", "--max-time", "30"]
    told = subprocess.run(
        [*curl, "--data-binary", f"@{tmp_path / 'body'}", f"http://{process.http}/score"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout == str(2 << 20)
    assert "100 Continue" in told.stderr


def test_idle_connections_by_the_thousand_cost_little_and_keep_nobody_out(start: Callable[..., Any]) -> None:
    process = start(script=COUNT)
    address = ("127.0.0.1", process.news["http_port"])

    def rss() -> int:
        return int(httpx.get(f"http://{process.http}/-/status").json()["rss_bytes"])

    before = rss()
    idle = [socket.create_connection(address) for _ in range(700)]
    try:
        assert httpx.post(f"http://{process.http}/score", content=b"abc").json() == 3
        assert rss() - before < 700 * 20_000
    finally:
        for one in idle:
            one.close()
