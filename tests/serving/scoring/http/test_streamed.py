"""Answers that come in pieces: how they are laid out, who waits for whom, and how one that broke off looks."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from serving.scoring.errors import ScriptFailed
from serving.scoring.http.messages import TEXT, Answer, Request, Response, StreamedResponse
from serving.scoring.http.server import HttpServer
from tests.serving.scoring.http.listening import answer, head, serve, until

GET = b"GET /a HTTP/1.1\r\nhost: x\r\n\r\n"
Connect = Callable[..., Any]


class Pieces:
    """Gives what it is told to, waits at ``None`` for ``go``, raises what is an exception, and sees its end."""

    def __init__(self, *pieces: bytes | Exception | None) -> None:
        self.pieces = pieces
        self.drawn = 0
        self.go = asyncio.Event()
        self.waiting = asyncio.Event()
        self.closed = asyncio.Event()

    async def __call__(self, request: Request) -> Answer:
        if request.path == b"/plain":
            return Response(200, b"plain", TEXT)
        return StreamedResponse(200, self, TEXT)

    def __aiter__(self) -> "Pieces":
        self.drawing = self.draw()
        return self

    async def __anext__(self) -> bytes:
        return await anext(self.drawing)

    async def aclose(self) -> None:
        self.closed.set()

    async def draw(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            self.drawn += 1
            if piece is None:
                self.waiting.set()
                await self.go.wait()
            elif isinstance(piece, Exception):
                raise piece
            else:
                yield piece


def asked(app: Pieces, *requests: bytes) -> bytes:
    """Send requests, and read to the connection's end."""

    async def talk(server: HttpServer, connect: Connect) -> bytes:
        reader, writer = await connect()
        writer.write(b"".join(requests))
        received: bytes = await reader.read()
        return received

    received: bytes = serve(app, talk)
    return received


CLOSING = GET.replace(b"host: x", b"host: x\r\nconnection: close")


def test_pieces_are_chunks_over_http_1_1() -> None:
    received = asked(Pieces(b"ab", b"", b"c" * 17), CLOSING)
    first, _, body = received.partition(b"\r\n\r\n")
    assert b"transfer-encoding: chunked" in first
    assert b"content-length" not in first
    assert body == b"2\r\nab\r\n11\r\n" + b"c" * 17 + b"\r\n0\r\n\r\n"


def test_no_piece_at_all_is_an_empty_body() -> None:
    assert asked(Pieces(), CLOSING).endswith(b"\r\n\r\n0\r\n\r\n")


@pytest.mark.parametrize("headers", [b"", b"connection: keep-alive\r\n"])
def test_over_http_1_0_the_connection_ends_the_body(headers: bytes) -> None:
    first, _, body = asked(Pieces(b"ab", b"c"), b"GET /a HTTP/1.0\r\n" + headers + b"\r\n").partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in first
    assert first.endswith(b"connection: close")
    assert body == b"abc"


def test_head_has_no_pieces_and_ends_them() -> None:
    pieces = Pieces(b"ab")
    assert asked(pieces, CLOSING.replace(b"GET", b"HEAD")).endswith(b"connection: close\r\n\r\n")
    assert (pieces.drawn, pieces.closed.is_set()) == (0, True)


def test_a_piece_is_sent_as_soon_as_it_is_there() -> None:
    pieces = Pieces(b"ab", None, b"c")

    async def talk(server: HttpServer, connect: Connect) -> bytes:
        reader, writer = await connect()
        writer.write(GET)
        await head(reader)
        first: bytes = await reader.readexactly(7)
        pieces.go.set()
        assert await reader.readexactly(11) == b"1\r\nc\r\n0\r\n\r\n"
        return first

    assert serve(pieces, talk) == b"2\r\nab\r\n"
    assert pieces.closed.is_set()


def test_the_connection_is_kept_and_what_was_pipelined_is_answered_in_order() -> None:
    received = asked(Pieces(b"ab"), GET, GET.replace(b"/a", b"/plain"), CLOSING)
    assert received.count(b"2\r\nab\r\n0\r\n\r\n") == 2
    assert received.index(b"0\r\n\r\n") < received.index(b"\r\n\r\nplain") < received.rindex(b"2\r\nab")


def test_a_request_that_comes_before_the_pieces_are_closed_does_not_stop_the_connection() -> None:
    class Slow(Pieces):
        async def aclose(self) -> None:
            await asyncio.sleep(0.05)
            await super().aclose()

    async def talk(server: HttpServer, connect: Connect) -> list[bytes]:
        reader, writer = await connect()
        bodies = []
        for _ in range(4):  # each comes when the last chunk is there, and the one before is not done with
            writer.write(GET)
            await head(reader)
            bodies.append(await reader.readuntil(b"0\r\n\r\n"))
        return bodies

    assert serve(Slow(b"ab"), talk) == [b"2\r\nab\r\n0\r\n\r\n"] * 4


def test_a_client_that_leaves_ends_the_pieces() -> None:
    pieces = Pieces(b"ab", None)

    async def talk(server: HttpServer, connect: Connect) -> None:
        reader, writer = await connect()
        writer.write(GET)
        await head(reader)
        await pieces.waiting.wait()
        writer.transport.abort()
        await pieces.closed.wait()

    serve(pieces, talk)


def test_a_client_that_leaves_between_the_answer_and_its_first_piece_ends_them() -> None:
    pieces = Pieces(b"ab")

    async def talk(server: HttpServer, connect: Connect) -> None:
        async def app(request: Request) -> Answer:
            (connection,) = server.connections
            connection._transport.abort()
            return await pieces(request)

        server.app = app
        _, writer = await connect()
        writer.write(GET)
        await pieces.closed.wait()

    serve(pieces, talk)
    assert pieces.drawn == 0


@pytest.mark.parametrize("error", [ScriptFailed("no"), RuntimeError("no")])
def test_an_answer_that_breaks_off_does_not_end_as_a_whole_one(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    pieces = Pieces(b"ab", error)
    assert asked(pieces, GET, GET).endswith(b"\r\n\r\n2\r\nab\r\n")
    assert pieces.closed.is_set()
    assert "broke off: no" in caplog.text


def test_an_answer_that_breaks_off_over_http_1_0_is_a_reset() -> None:
    with pytest.raises(ConnectionResetError):
        asked(Pieces(b"ab", ScriptFailed("no")), b"GET /a HTTP/1.0\r\n\r\n")


MEGABYTE = b"x" * (1 << 20)


async def slow_reader(connect: Connect) -> None:
    """Connect, ask, and read nothing."""
    _, writer = await connect(limit=1)
    writer.transport.pause_reading()
    writer.write(GET)


def test_pieces_wait_for_a_client_that_reads_slowly() -> None:
    pieces = Pieces(*[MEGABYTE] * 100)

    async def talk(server: HttpServer, connect: Connect) -> int:
        await slow_reader(connect)
        (connection,) = await connections(server)
        await until(lambda: not connection._writable)
        before = pieces.drawn
        for _ in range(20):
            await asyncio.sleep(0)
        assert pieces.drawn == before
        buffered: int = connection._transport.get_write_buffer_size()
        connection._transport.abort()
        await pieces.closed.wait()
        return buffered

    assert serve(pieces, talk) < 2 << 20
    assert pieces.drawn < 20


async def connections(server: HttpServer) -> Any:
    await until(lambda: bool(server.connections))
    return server.connections


def test_a_client_that_stops_reading_is_cut_off_after_a_time() -> None:
    pieces = Pieces(*[MEGABYTE] * 100)

    async def talk(server: HttpServer, connect: Connect) -> None:
        await slow_reader(connect)
        (connection,) = await connections(server)
        await until(lambda: not connection._writable)
        now = asyncio.get_running_loop().time()
        connection.check_pace(now + 29)
        assert server.connections
        connection.check_pace(now + 31)
        await pieces.closed.wait()

    serve(pieces, talk)


def test_a_client_that_reads_on_gets_all_of_it() -> None:
    received = asked(Pieces(*[MEGABYTE] * 20), CLOSING)
    assert received.count(MEGABYTE) == 20
    assert received.endswith(b"\r\n0\r\n\r\n")


def test_draining_waits_for_the_last_piece() -> None:
    pieces = Pieces(b"ab", None, b"c")

    async def talk(server: HttpServer, connect: Connect) -> bytes:
        reader, writer = await connect()
        writer.write(GET)
        await pieces.waiting.wait()
        draining = asyncio.ensure_future(server.drain())
        await asyncio.sleep(0)
        assert not draining.done()
        pieces.go.set()
        received: bytes = await reader.read()
        writer.close()
        await draining
        return received

    assert serve(pieces, talk).endswith(b"1\r\nc\r\n0\r\n\r\n")


def test_a_large_answer_is_read_to_its_end_however_slowly_before_the_connection_closes() -> None:
    async def app(request: Request) -> Answer:
        return Response(200, MEGABYTE * 30, TEXT)

    async def talk(server: HttpServer, connect: Connect) -> int:
        reader, writer = await connect()
        writer.transport.pause_reading()
        writer.write(CLOSING)
        (connection,) = await connections(server)
        await until(lambda: not connection._writable)
        connection.check_pace(asyncio.get_running_loop().time() + 20)
        writer.transport.resume_reading()
        return len((await answer(reader))[2])

    assert serve(app, talk) == 30 << 20


def test_a_script_that_yields_is_read_over_score(start: Callable[..., Any]) -> None:
    script = (
        "def init(): ...\ndef run(data):\n    for n in range(3): yield {'n': n}\n    if data: raise ValueError('x')\n"
    )
    process = start(script=script)

    async def talk(body: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(*process.http.split(":"))
        request = b"POST /score HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%b"
        writer.write(request % (len(body), body))
        status, headers = await head(reader)
        assert (status, headers["content-type"]) == (200, "text/plain; charset=utf-8")
        received: bytes = await reader.read()
        writer.close()
        return received

    whole, broken = asyncio.run(talk(b"")), asyncio.run(talk(b"x"))
    assert [json.loads(line) for line in whole.split(b"\r\n")[1::2] if line] == [{"n": n} for n in range(3)]
    assert whole == broken + b"0\r\n\r\n"
