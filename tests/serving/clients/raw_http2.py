"""A gRPC call laid out as HTTP/2 by hand, with what no client would send."""

from collections.abc import Mapping

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])  # with empty settings
HEADERS, DATA, END_HEADERS, END_STREAM = 1, 0, 4, 1


def call_with(path: bytes, metadata: Mapping[bytes, bytes] | None = None, body: bytes = b"") -> bytes:
    """Return a connection's first bytes: the call as its stream 1, with one message."""
    head = {
        b":path": path,
        b":method": b"POST",
        b":scheme": b"http",
        b":authority": b"a",
        b"content-type": b"application/grpc",
        b"te": b"trailers",
        **(metadata or {}),
    }
    block = b"".join(_literal(name, value) for name, value in head.items())
    message = b"\0" + len(body).to_bytes(4, "big") + body
    return PREFACE + _frame(HEADERS, END_HEADERS, block) + _frame(DATA, END_STREAM, message)


def _frame(kind: int, flags: int, content: bytes) -> bytes:
    return len(content).to_bytes(3, "big") + bytes([kind, flags, 0, 0, 0, 1]) + content


def _literal(name: bytes, value: bytes) -> bytes:
    return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value
