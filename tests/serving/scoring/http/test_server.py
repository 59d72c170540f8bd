"""HTTP/1.1 on real sockets in front of an application of three lines."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest

from serving.scoring.fast_path import leave_fast_path
from serving.scoring.http.messages import Request, Response
from serving.scoring.http.reading import MAX_HEAD_BYTES
from serving.scoring.http.server import HttpServer
from tests.serving.scoring.http.listening import answer
from tests.serving.scoring.http.listening import serve as serve_app


class Echo:
    """Answers with method, path and body; ``/wait`` waits for ``go`` first."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.began = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.answered = 0

    async def __call__(self, request: Request) -> Response:
        if request.path == b"/wait":
            await leave_fast_path()
            self.began.set()
            try:
                await self.go.wait()
            except asyncio.CancelledError:
                self.cancelled.set()
                raise
        self.answered += 1
        return Response(200, b"%b %b %b" % (request.method, request.path, request.body), b"text/plain")


def serve(talk: Callable[..., Awaitable[Any]], max_body_bytes: int = 100) -> Any:
    """Run ``talk(echo, server, connect)`` against a listening server."""
    echo = Echo()
    return serve_app(echo, partial(talk, echo), max_body_bytes)


def exchange(*sent: bytes, answers: int = 1, **limits: int) -> list[tuple[int, dict[str, str], bytes]]:
    """Send pieces, each by itself, and read that many answers."""

    async def talk(echo: Echo, server: HttpServer, connect: Callable[[], Any]) -> Any:
        reader, writer = await connect()
        for piece in sent:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        return [await answer(reader) for _ in range(answers)]

    result: list[tuple[int, dict[str, str], bytes]] = serve(talk, **limits)
    return result


GET = b"GET /a HTTP/1.1\r\nhost: x\r\n\r\n"


def test_a_connection_is_kept() -> None:
    assert [body for _, _, body in exchange(GET, GET, answers=2)] == [b"GET /a "] * 2


def test_a_request_may_come_byte_by_byte() -> None:
    request = b"POST /b?q=1 HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc"
    assert exchange(*(bytes([byte]) for byte in request))[0][2] == b"POST /b abc"


def test_pipelined_requests_are_answered_in_order_whatever_each_takes() -> None:
    async def talk(echo: Echo, server: HttpServer, connect: Callable[[], Any]) -> Any:
        reader, writer = await connect()
        writer.write(GET.replace(b"/a", b"/wait") + GET.replace(b"/a", b"/2") + GET.replace(b"/a", b"/3"))
        await echo.began.wait()
        assert echo.answered == 0
        echo.go.set()
        return [(await answer(reader))[2] for _ in range(3)]

    assert serve(talk) == [b"GET /wait ", b"GET /2 ", b"GET /3 "]


def test_a_connection_is_read_on_after_a_pipelined_request_that_took_a_while() -> None:
    async def talk(echo: Echo, server: HttpServer, connect: Callable[[], Any]) -> Any:
        reader, writer = await connect()
        wait = GET.replace(b"/a", b"/wait")
        writer.write(wait + wait)
        await echo.began.wait()
        echo.go.set()
        both = [(await answer(reader))[2] for _ in range(2)]
        writer.write(GET)
        return [*both, (await answer(reader))[2]]

    assert serve(talk) == [b"GET /wait ", b"GET /wait ", b"GET /a "]


def test_a_thousand_pipelined_requests_are_answered() -> None:
    assert len(exchange(GET * 1000, answers=1000)) == 1000


def test_chunked_bodies_are_joined() -> None:
    head = b"POST /c HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
    assert exchange(head, b"3\r\nabc\r\n", b"2\r\nde\r\n0\r\n\r\n")[0][2] == b"POST /c abcde"


def test_a_client_that_waits_for_100_is_told_to_go_on() -> None:
    head = b"POST /c HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n"

    async def talk(echo: Echo, server: HttpServer, connect: Callable[[], Any]) -> Any:
        reader, writer = await connect()
        writer.write(head)
        assert (await answer(reader))[0] == 100
        writer.write(b"abc")
        return await answer(reader)

    assert serve(talk)[2] == b"POST /c abc"


def test_a_body_over_the_limit_is_refused_before_it_comes() -> None:
    head = b"POST /v2/c HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 101\r\n\r\n"
    status, headers, body = exchange(head)[0]
    assert (status, headers["connection"]) == (413, "close")
    assert json.loads(body)["error"].startswith("the body is over 100 bytes: SLIPWAY_MAX_BODY_MB")
    assert len(headers["x-request-id"]) == 36


def test_a_chunked_body_over_the_limit_is_refused_where_it_passes_it() -> None:
    head = b"POST /c HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
    piece = b"40\r\n" + b"x" * 64 + b"\r\n"
    assert exchange(head, piece, piece)[0][0] == 413


def test_a_head_over_the_limit_is_refused() -> None:
    assert exchange(b"GET /a HTTP/1.1\r\nhost: x\r\nx: " + b"a" * MAX_HEAD_BYTES)[0][0] == 431


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"nonsense\r\n\r\n",
        b"GET /a HTTP/9.9\r\n\r\n",
        b"POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: abc\r\n\r\n",
        b"POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
        b"POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999999999999999999\r\n\r\n",
        b"POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\n",
        b"POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n",
        b"POST /a HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"GET /a HTTP/1.1\r\nhost: x\r\nbad header\r\n\r\n",
    ],
)
def test_malformed_http_is_a_400_and_ends_the_connection(request_bytes: bytes) -> None:
    status, headers, _ = exchange(request_bytes)[0]
    assert (status, headers["connection"]) == (400, "close")


def test_requests_before_a_malformed_one_are_answered() -> None:
    assert [status for status, _, _ in exchange(GET + b"nonsense\r\n\r\n", answers=2)] == [200, 400]


def test_a_client_may_ask_to_close() -> None:
    request = GET.replace(b"host: x", b"host: x\r\nconnection: close")
    assert exchange(request + GET)[0][1]["connection"] == "close"


def test_http_1_0_keeps_the_connection_only_when_asked_to() -> None:
    assert exchange(b"GET /a HTTP/1.0\r\n\r\n")[0][1]["connection"] == "close"
    assert exchange(b"GET /a HTTP/1.0\r\nconnection: keep-alive\r\n\r\n")[0][1]["connection"] == "keep-alive"


def test_head_has_no_body() -> None:
    async def talk(echo: Echo, server: HttpServer, connect: Callable[[], Any]) -> Any:
        reader, writer = await connect()
        writer.write(b"HEAD /a HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        return await reader.read()

    assert serve(talk).endswith(b"connection: close\r\n\r\n")


def test_an_offered_upgrade_is_ignored() -> None:
    request = GET.replace(b"host: x", b"host: x\r\nconnection: upgrade\r\nupgrade: h2c")
    assert [body for _, _, body in exchange(request, GET, answers=2)] == [b"GET /a "] * 2


UPGRADE = b"host: x\r\nconnection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAEA\r\n"


@pytest.mark.parametrize(
    "body",
    [b"content-length: 3\r\n\r\nabc", b"transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"],
    ids=["length", "chunked"],
)
def test_a_request_that_offers_an_upgrade_keeps_its_body(body: bytes) -> None:
    """As the HTTP client of Java's own library sends every first POST."""
    request = b"POST /b HTTP/1.1\r\n" + UPGRADE + body
    assert [found for _, _, found in exchange(request * 2, request, answers=3)] == [b"POST /b abc"] * 3
    byte_by_byte = exchange(*(bytes([byte]) for byte in request), GET, answers=2)
    assert [found for _, _, found in byte_by_byte] == [b"POST /b abc", b"GET /a "]


def test_who_offers_an_upgrade_and_waits_for_100_is_told_once() -> None:
    async def talk(echo: Echo, server: HttpServer, connect: Callable[[], Any]) -> Any:
        reader, writer = await connect()
        writer.write(b"POST /b HTTP/1.1\r\n" + UPGRADE + b"expect: 100-continue\r\ncontent-length: 3\r\n\r\n")
        assert (await answer(reader))[0] == 100
        writer.write(b"abc")
        return await answer(reader)

    assert serve(talk)[2] == b"POST /b abc"


def test_a_tunnel_is_not_opened() -> None:
    async def talk(echo: Echo, server: HttpServer, connect: Callable[[], Any]) -> Any:
        reader, writer = await connect()
        writer.write(b"CONNECT x:1 HTTP/1.1\r\nhost: x\r\n\r\nanything")
        return await reader.read()

    assert serve(talk).count(b"HTTP/1.1 ") == 1


def test_a_client_that_leaves_cancels_its_work() -> None:
    async def talk(echo: Echo, server: HttpServer, connect: Callable[[], Any]) -> None:
        _, writer = await connect()
        writer.write(GET.replace(b"/a", b"/wait"))
        await echo.began.wait()
        writer.transport.abort()
        await echo.cancelled.wait()
        assert echo.answered == 0

    serve(talk)


def test_a_request_that_does_not_arrive_in_time_is_a_408() -> None:
    async def talk(echo: Echo, server: HttpServer, connect: Callable[[], Any]) -> Any:
        reader, writer = await connect()
        writer.write(b"POST /a HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n")
        assert (await answer(reader))[0] == 100  # it has begun to arrive
        (connection,) = server.connections
        connection.check_pace(asyncio.get_running_loop().time() + 29)
        connection.check_pace(asyncio.get_running_loop().time() + 31)
        return await answer(reader)

    assert serve(talk)[0] == 408


def test_an_idle_connection_is_closed_after_a_while() -> None:
    async def talk(echo: Echo, server: HttpServer, connect: Callable[[], Any]) -> Any:
        reader, writer = await connect()
        writer.write(GET)
        await answer(reader)
        (connection,) = server.connections
        connection.check_pace(asyncio.get_running_loop().time() + 89)
        writer.write(GET)
        await answer(reader)
        connection.check_pace(asyncio.get_running_loop().time() + 91)
        return await reader.read()

    assert serve(talk) == b""


def test_draining_answers_what_is_in_flight_and_accepts_no_more() -> None:
    async def talk(echo: Echo, server: HttpServer, connect: Callable[[], Any]) -> Any:
        reader, writer = await connect()
        idle_reader, _ = await connect()
        writer.write(GET.replace(b"/a", b"/wait"))
        await echo.began.wait()
        draining = asyncio.ensure_future(server.drain())
        assert await idle_reader.read() == b""
        with pytest.raises(ConnectionRefusedError):
            await connect()
        echo.go.set()
        answered = await answer(reader)
        writer.close()
        await draining
        return answered

    status, headers, _ = serve(talk)
    assert (status, headers["connection"]) == (200, "close")


@pytest.mark.parametrize("waits", [False, True])
def test_an_application_that_raises_is_answered_at_once(waits: bool) -> None:
    async def talk(echo: Echo, server: HttpServer, connect: Callable[[], Any]) -> Any:
        async def raising(request: Request) -> Response:
            if waits:
                await leave_fast_path()
            raise RuntimeError("no answer")

        server.app = raising
        reader, writer = await connect()
        writer.write(b"GET /a HTTP/1.1\r\n\r\n")
        return await asyncio.wait_for(answer(reader), 5), await reader.read()

    (status, headers, body), rest = serve(talk)
    assert (status, headers["connection"], rest) == (500, "close", b"")
    assert b"internal error" in body
