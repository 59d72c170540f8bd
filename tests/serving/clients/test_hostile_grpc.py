"""What breaks gRPC's rules, or strains them, ends by itself and takes nobody along."""

import contextlib
import random
import struct
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from tritonclient.grpc import service_pb2

from tests.serving.clients import raw_http2
from tests.serving.clients.places import Place
from tests.serving.clients.scoring_calls import INFER, STREAM, good


@pytest.fixture
def channel(linear_at: Place) -> Iterator[Any]:
    with grpc.insecure_channel(linear_at.grpc, options=[("grpc.max_metadata_size", 1 << 20)]) as channel:
        yield channel


def encoded(place: Place) -> dict[bytes, bytes]:
    return {name.encode(): value.encode() for name, value in place.metadata}


def scores(place: Place) -> bool:
    """Ask on a connection of one's own."""
    with grpc.insecure_channel(place.grpc) as channel:
        answer = channel.unary_unary(INFER)(good(), metadata=place.metadata, timeout=20)
    response = service_pb2.ModelInferResponse.FromString(answer)
    return struct.unpack("<f", response.raw_output_contents[0]) == (-6.5,)


def test_deadlines_that_pass_at_once_harm_nobody(channel: Any, linear_at: Place) -> None:
    calls = [channel.unary_unary(INFER).future(good(), metadata=linear_at.metadata, timeout=1e-6) for _ in range(20)]
    codes = {call.code() for call in calls}
    assert grpc.StatusCode.DEADLINE_EXCEEDED in codes
    assert codes <= {grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.OK}  # an answer may still be sooner
    assert scores(linear_at)


@pytest.mark.parametrize("size", [20_000, 200_000])
def test_metadata_without_end_is_refused(channel: Any, linear_at: Place, size: int) -> None:
    with pytest.raises(grpc.RpcError):
        channel.unary_unary(INFER)(good(), metadata=(*linear_at.metadata, ("big", "x" * size)), timeout=20)
    assert scores(linear_at)


MALFORMED = {
    "a message that is longer than said": raw_http2.message(good())[:-1] + b"zzzz",
    "a message that breaks off": raw_http2.message(good())[:-5],
    "a length of 4 GiB": b"\0\xff\xff\xff\xff" + good(),
    "an unknown compression flag": raw_http2.message(good(), 7),
    "a compressed message without an encoding": raw_http2.message(good(), 1),
    "nothing": b"",
    "half a prefix": b"\0\0",
}


@pytest.mark.parametrize("content", MALFORMED.values(), ids=MALFORMED.keys())
@pytest.mark.parametrize("path", [INFER, STREAM])
def test_malformed_messages_end_their_call(linear_at: Place, path: str, content: bytes) -> None:
    with raw_http2.connect(linear_at.grpc) as connection:
        head = raw_http2.frame(
            raw_http2.HEADERS, raw_http2.END_HEADERS, 1, raw_http2.call_headers(path.encode(), encoded(linear_at))
        )
        connection.sendall(head + raw_http2.frame(raw_http2.DATA, raw_http2.END_STREAM, 1, content))
        # grpc's server never ends a unary call whose only message is not there; it goes with its client.
        waits = path == INFER and linear_at.edge is None and len(content) < len(raw_http2.message(good()))
        assert waits or ends(connection)
    assert scores(linear_at)


def ends(connection: Any) -> bool:
    """Read until stream 1, or the connection, has ended."""
    buffer = b""
    while chunk := connection.recv(1 << 16):
        buffer += chunk
        while len(buffer) >= 9 and len(buffer) >= 9 + (size := int.from_bytes(buffer[:3], "big")):
            kind, flags, stream = buffer[3], buffer[4], int.from_bytes(buffer[5:9], "big")
            if stream == 1 and (
                kind == raw_http2.RST_STREAM or (kind <= raw_http2.HEADERS and flags & raw_http2.END_STREAM)
            ):
                return True
            buffer = buffer[9 + size :]
    return True


def test_random_bytes_and_frames_break_nothing(linear_at: Place) -> None:
    chance = random.Random(7)
    for _ in range(30):
        with raw_http2.connect(linear_at.grpc) as connection, contextlib.suppress(OSError):
            if chance.random() < 0.5:
                connection.sendall(chance.randbytes(chance.randrange(1, 500)))
            for _ in range(10):
                kind, flags, stream = chance.randrange(12), chance.randrange(256), chance.randrange(5)
                connection.sendall(raw_http2.frame(kind, flags, stream, chance.randbytes(chance.randrange(64))))
    assert scores(linear_at)


def test_many_streams_and_connections_leave_room_for_others(linear_at: Place) -> None:
    head = raw_http2.call_headers(INFER.encode(), encoded(linear_at))
    with contextlib.ExitStack() as stack:
        for _ in range(40):
            connection = stack.enter_context(raw_http2.connect(linear_at.grpc))
            opened = b"".join(
                raw_http2.frame(raw_http2.HEADERS, raw_http2.END_HEADERS, stream, head) for stream in range(1, 60, 2)
            )
            with contextlib.suppress(OSError):
                connection.sendall(opened)  # calls whose messages never come
        assert scores(linear_at)


def test_streams_that_are_opened_and_reset_at_once_break_nothing(linear_at: Place) -> None:
    head = raw_http2.call_headers(STREAM.encode(), encoded(linear_at))
    with raw_http2.connect(linear_at.grpc) as connection, contextlib.suppress(OSError):
        for stream in range(1, 2000, 2):
            opened = raw_http2.frame(raw_http2.HEADERS, raw_http2.END_HEADERS, stream, head)
            connection.sendall(opened + raw_http2.frame(raw_http2.RST_STREAM, 0, stream, struct.pack(">I", 8)))
    assert scores(linear_at)
