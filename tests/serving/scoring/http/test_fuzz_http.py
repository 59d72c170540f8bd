"""Any bytes at the HTTP layer's own decoders: codings, chunks, heads, and the bodies and events of generate."""

import asyncio
import gzip
import json
import zlib
from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from serving.scoring.errors import InvalidInput, ScoringError, TooLarge, UnsupportedEncoding
from serving.scoring.http.bodies import Bodies
from serving.scoring.http.encodings import PLAIN, decode, wish_of
from serving.scoring.http.messages import TEXT, Answer, Request, Response
from serving.scoring.http.server import HttpServer
from serving.scoring.oip.generate_codec import decode_members, encode_outputs, tensors_of
from serving.scoring.tensors import Signature, TensorSpec
from tests.effort import effort
from tests.serving.scoring.http.listening import serve

LIMIT = 1 << 20
CODERS: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "deflate": zlib.compress, "identity": bytes}

bodies = st.binary(max_size=200) | st.builds(
    lambda byte, times: bytes([byte]) * times, st.integers(0, 255), st.integers(0, LIMIT + 10)
)
codings = st.lists(st.sampled_from(list(CODERS)), max_size=3)


def decoded(body: bytes, header: bytes) -> bytes | ScoringError:
    request, held = Request(b"POST", b"/", {b"content-encoding": header}, body), Bodies(LIMIT)
    try:
        asyncio.run(decode(request, held))
    except ScoringError as error:
        return error
    finally:
        held.give(request.held)
        assert held.held == 0
    return request.body


@effort(60)
@given(body=bodies, coded=codings)
def test_what_was_compressed_is_read_up_to_the_limit(body: bytes, coded: list[str]) -> None:
    content = body
    for coding in coded:
        content = CODERS[coding](content)
    got = decoded(content, ", ".join(coded).encode())
    layers = [coding for coding in coded if coding != "identity"]
    if len(layers) > 2:
        assert isinstance(got, UnsupportedEncoding)
    elif len(body) > LIMIT and layers:
        assert isinstance(got, TooLarge)
    else:
        assert got == body


@effort()
@given(
    body=st.binary(max_size=100),
    cut=st.integers(0, 200),
    place=st.integers(0, 200),
    spoiled=st.binary(max_size=4),
    coding=st.sampled_from(["gzip", "deflate"]),
)
def test_a_spoiled_stream_is_the_clients_mistake(
    body: bytes, cut: int, place: int, spoiled: bytes, coding: str
) -> None:
    content = CODERS[coding](body)
    content = content[:place] + spoiled + content[place + cut :]
    got = decoded(content, coding.encode())
    assert isinstance(got, (bytes, InvalidInput, TooLarge))


@effort()
@given(header=st.binary(max_size=50) | st.text("gzipdeflat,;q=01.*- ", max_size=40).map(str.encode))
def test_any_header_of_codings_is_read_or_refused(header: bytes) -> None:
    assert isinstance(decoded(b"abc", header), (bytes, InvalidInput, UnsupportedEncoding))
    wish = wish_of(header)
    assert wish == PLAIN or wish.coding in ("gzip", "deflate")


class Echo:
    async def __call__(self, request: Request) -> Answer:
        return Response(200, request.body, TEXT)


def statuses(*pieces: bytes) -> list[bytes]:
    """Send pieces, close our half, and return the status line of each answer until the end."""

    async def talk(server: HttpServer, connect: Callable[..., Any]) -> bytes:
        reader, writer = await connect()
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(0)
        writer.write(b"GET /last HTTP/1.1\r\nconnection: close\r\n\r\n" + b"\r\n" * 4)
        writer.write_eof()
        try:
            received: bytes = await reader.read()
        except ConnectionResetError:
            return b""
        assert server.bodies.held == 0
        return received

    received: bytes = serve(Echo(), talk)
    return [line for line in received.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]


@effort(60)
@given(chunks=st.lists(st.binary(min_size=1, max_size=30), max_size=5), cuts=st.lists(st.integers(1, 60), max_size=5))
def test_chunks_are_joined_however_they_are_cut(chunks: list[bytes], cuts: list[int]) -> None:
    message = b"POST / HTTP/1.1\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n"
    message += b"".join(b"%x;e=1\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\nt: x\r\n\r\n"
    pieces = []
    for cut in cuts:
        pieces.append(message[:cut])
        message = message[cut:]

    async def talk(server: HttpServer, connect: Callable[..., Any]) -> bytes:
        reader, writer = await connect()
        for piece in (*pieces, message):
            writer.write(piece)
            await asyncio.sleep(0)
        received: bytes = await reader.read()
        return received

    body = b"".join(chunks)
    received: bytes = serve(Echo(), talk, max_body_bytes=1000)
    assert received.endswith(b"\r\n\r\n" + body)
    assert b"content-length: %d\r\n" % len(body) in received


@effort(100)
@given(
    pieces=st.lists(
        st.binary(max_size=40)
        | st.sampled_from(
            [
                b"POST /a HTTP/1.1\r\n",
                b"GET /a HTTP/1.0\r\n",
                b"content-length: 3\r\n",
                b"content-length: -1\r\n",
                b"transfer-encoding: chunked\r\n",
                b"expect: 100-continue\r\n",
                b"connection: upgrade\r\nupgrade: h2c\r\n",
                b"\r\n",
                b"abc",
                b"3\r\nabc\r\n",
                b"ffffffff\r\n",
                b"0\r\n\r\n",
            ]
        ),
        max_size=8,
    )
)
def test_any_bytes_are_answered_or_the_connection_ends(pieces: list[bytes]) -> None:
    assert not [line for line in statuses(*pieces) if line.startswith(b"HTTP/1.1 5")]


# generate

SIGNATURE = Signature(
    [TensorSpec("text", "BYTES", [1]), TensorSpec("n", "INT8", [-1, 2]), TensorSpec("f", "FP32", [-1], required=False)],
    [],
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
members = st.dictionaries(st.sampled_from(["text", "n", "f", "id", "parameters", "other"]), values, max_size=5)


@effort()
@given(body=members.map(lambda document: json.dumps(document).encode()) | st.binary(max_size=60))
def test_any_generate_request_is_read_or_refused(body: bytes) -> None:
    try:
        tensors, parameters = tensors_of(decode_members(body), SIGNATURE)
    except InvalidInput:
        return
    assert not set(parameters) & {"text", "n", "f"}
    answer = encode_outputs(tensors, {})
    assert b"\n" not in answer  # or it would be two lines of an event
    assert set(json.loads(answer)) == set(tensors)
