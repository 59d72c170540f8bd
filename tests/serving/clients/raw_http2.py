"""gRPC over HTTP/2 laid out by hand, with what no client would send."""

import socket
import struct
from collections.abc import Mapping

DATA, HEADERS, RST_STREAM, SETTINGS = 0, 1, 3, 4
END_STREAM, END_HEADERS = 1, 4


def frame(kind: int, flags: int, stream: int, content: bytes = b"") -> bytes:
    return len(content).to_bytes(3, "big") + bytes([kind, flags]) + struct.pack(">I", stream) + content


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0)  # with empty settings


def call_with(path: bytes, metadata: Mapping[bytes, bytes] | None = None, body: bytes = b"") -> bytes:
    """Return a connection's first bytes: the call as its stream 1, with one message."""
    head = call_headers(path, metadata or {})
    return PREFACE + frame(HEADERS, END_HEADERS, 1, head) + frame(DATA, END_STREAM, 1, message(body))


def call_headers(path: bytes, metadata: Mapping[bytes, bytes]) -> bytes:
    """Return the block of a call's head."""
    head = {
        b":path": path,
        b":method": b"POST",
        b":scheme": b"http",
        b":authority": b"a",
        b"content-type": b"application/grpc",
        b"te": b"trailers",
        **metadata,
    }
    return b"".join(_literal(name, value) for name, value in head.items())


def message(content: bytes, flag: int = 0) -> bytes:
    return bytes([flag]) + len(content).to_bytes(4, "big") + content


def connect(address: str) -> socket.socket:
    """Open a connection and send the preface."""
    host, _, port = address.rpartition(":")
    connection = socket.create_connection((host, int(port)), timeout=20)
    connection.sendall(PREFACE)
    return connection


def _literal(name: bytes, value: bytes) -> bytes:
    return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value
