"""One HTTP request and one answer, as the doors see them. Knows neither sockets nor models."""

from __future__ import annotations

from http import HTTPStatus
from typing import Dict, List, Optional, Tuple, Union

import msgspec

from ..answers import Answers
from ..runtimes.base import Call

JSON = b"application/json"
OCTETS = b"application/octet-stream"
HTML = b"text/html; charset=utf-8"
TEXT = b"text/plain; charset=utf-8"

Headers = Dict[bytes, bytes]


class _StatusLines(Dict[int, bytes]):
    """By status, with ``end`` after each; a script may answer one that has no name."""

    def __init__(self, end: bytes) -> None:
        super().__init__((s.value, f"HTTP/1.1 {s.value} {s.phrase}\r\n".encode() + end) for s in HTTPStatus)
        self._end = end

    def __missing__(self, status: int) -> bytes:
        return b"HTTP/1.1 %d Unknown\r\n" % status + self._end


_STATUS_LINES, _HEADS = _StatusLines(b""), _StatusLines(b"content-length: ")


class Request:
    """A whole request. Header names are lower-case; ``request_id`` is set before a door sees it.

    ``chunks`` says whether its client reads chunked answers: one of HTTP/1.0 does not. ``held`` is how many bytes it
    counts for while it is in memory; ``call`` what the data plane was told of it.
    """

    __slots__ = ("body", "call", "chunks", "headers", "held", "keep_alive", "method", "path", "query", "request_id")

    def __init__(self, method: bytes, target: bytes, headers: Headers, body: bytes) -> None:
        self.method = method
        self.path, _, self.query = target.partition(b"?")
        self.headers = headers
        self.body = body
        self.request_id = b""
        self.keep_alive = True
        self.chunks = True
        self.held = 0
        self.call: Optional[Call] = None


class Response:
    """A whole answer. ``close`` ends the connection after it."""

    __slots__ = ("body", "close", "content_type", "headers", "status")

    def __init__(self, status: int, body: bytes, content_type: bytes = JSON) -> None:
        self.status = status
        self.body = body
        self.content_type = content_type
        self.headers: List[Tuple[bytes, bytes]] = []
        self.close = False


class StreamedResponse:
    """An answer whose body comes in pieces, sent as they come; the server reads them to the end or closes them.

    What they raise ends the connection, so that no client takes what it got for the whole.
    """

    __slots__ = ("close", "content_type", "headers", "pieces", "status")

    def __init__(self, status: int, pieces: Answers[bytes], content_type: bytes) -> None:
        self.status = status
        self.pieces = pieces
        self.content_type = content_type
        self.headers: List[Tuple[bytes, bytes]] = []
        self.close = False


Answer = Union[Response, StreamedResponse]


def json_response(status: int, document: object) -> Response:
    """Answer with a document as JSON."""
    return Response(status, msgspec.json.encode(document))


def render(request: Optional[Request], response: Response, keep_alive: bool) -> bytes:
    """Lay an answer out as HTTP/1.1. ``request`` is None when it could not be read."""
    body = response.body
    parts = [_HEADS[response.status], b"%d\r\ncontent-type: " % len(body), response.content_type]
    _render_headers(parts, request, response, keep_alive)
    if request is None or request.method != b"HEAD":
        parts.append(body)
    return b"".join(parts)


def render_head(request: Request, response: StreamedResponse, keep_alive: bool) -> bytes:
    """Lay out the head of an answer whose pieces follow, chunked unless the request is HTTP/1.0's."""
    parts = [_STATUS_LINES[response.status]]
    if request.chunks:
        parts.append(b"transfer-encoding: chunked\r\n")
    parts += (b"content-type: ", response.content_type)
    _render_headers(parts, request, response, keep_alive)
    return b"".join(parts)


def _render_headers(parts: List[bytes], request: Optional[Request], response: Answer, keep_alive: bool) -> None:
    for name, value in response.headers:
        parts += (b"\r\n", name, b": ", value)
    if not keep_alive:
        parts.append(b"\r\nconnection: close")
    elif request is not None and b"connection" in request.headers:
        parts.append(b"\r\nconnection: keep-alive")  # an HTTP/1.0 client that asked for it must be told
    parts.append(b"\r\n\r\n")
