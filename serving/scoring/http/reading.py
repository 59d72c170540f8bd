"""What arrives on a connection of HTTP/1.1, made into requests: httptools' parser, and the bounds of heads and bodies.

Whom the requests are for, and when they are answered, is the connection's.
"""

from __future__ import annotations

from typing import Callable, Dict, List, Optional, Protocol

import httptools

from ..errors import HeadersTooLarge, InvalidInput, Overloaded, ScoringError, TooLarge, UnsupportedEncoding
from .bodies import SMALL_BYTES, Bodies
from .messages import Headers, Request

MAX_HEAD_BYTES = 64 * 1024


class _Nowhere(Dict[bytes, bytes]):
    """Where the lines behind a chunked body go, however much they are: they are no part of the request."""

    def __setitem__(self, name: bytes, value: bytes) -> None: ...


_NOWHERE: Headers = _Nowhere()


class Taker(Protocol):
    """Whom a reader tells."""

    def take(self, request: Request) -> None:
        """Take a whole request."""

    def refuse(self, error: Optional[ScoringError]) -> None:
        """Learn that no more can be read, and why, if the client is to know. The reader has ended."""

    def welcome(self) -> None:
        """Tell a client that waits with its body for a word to go on."""


class Reader:
    """Reads one connection. ``target`` is of the request that is ``arriving``, as far as it is known."""

    def __init__(self, taker: Taker, bodies: Bodies, clock: Callable[[], float]) -> None:
        self._taker = taker
        self._bodies = bodies
        self._clock = clock
        self._parser = httptools.HttpRequestParser(self)
        self._given: Headers = {}  # by the lines that arrive
        self._headers: Headers = {}  # of a head that has arrived
        self._body: List[bytes] = []
        self._head_bytes = 0  # of lines: the head's, then those between the pieces of a body
        self._seen_bytes = -1  # of the body, when the last piece of it came
        self._in_head = True
        self._uncounted_bytes = min(SMALL_BYTES, bodies.max_bytes)
        self._digits = len(str(bodies.max_bytes))
        self._held = 0  # bytes of the arriving body that are counted
        self.target = b""
        self.body_bytes = 0
        self.arriving = False  # a request has begun and is not complete
        self.began = 0.0  # to arrive
        self.ended = False  # what arrives from now on does not count

    def feed(self, data: bytes) -> None:
        """Read on."""
        if self.ended:
            return
        if not self.arriving:
            self.arriving = True
            self.began = self._clock()
        if self._in_head:
            self._head_bytes += len(data)
        while data:
            try:
                self._parser.feed_data(data)
                break
            except httptools.HttpParserUpgrade as offer:
                data = self._without_offer(data[offer.args[0] :])  # behind the head; a body was not parsed
            except httptools.HttpParserError as error:
                self._refuse(InvalidInput(f"malformed HTTP request: {error}"))
                break
        if not self._in_head:
            self._bound_lines(len(data))
        elif self._head_bytes > MAX_HEAD_BYTES:
            self._refuse_head()

    def _bound_lines(self, size: int) -> None:
        """Bound what comes of a chunked body without any of its content: sizes with extensions, trailers."""
        if self.body_bytes != self._seen_bytes:
            self._seen_bytes = self.body_bytes
            self._head_bytes = 0
            return
        self._head_bytes += size
        if self._head_bytes > MAX_HEAD_BYTES:
            self._refuse(HeadersTooLarge(f"the lines of a chunked body are over {MAX_HEAD_BYTES} bytes"))

    def end(self) -> None:
        """Read no more, and let go of what has arrived."""
        self.ended = True
        self._body = []
        self._bodies.give(self._held)
        self._held = 0

    def _without_offer(self, rest: bytes) -> bytes:
        """Return what is to be read instead of a request that offers another protocol, such as h2c."""
        parser = self._parser
        if parser.get_method() == b"CONNECT":
            self._refuse(None)
            return b""
        lines = [b"%b %b HTTP/%b" % (parser.get_method(), self.target, parser.get_http_version().encode())]
        lines += [b"%b: %b" % item for item in self._headers.items() if item[0] not in (b"upgrade", b"expect")]
        self._parser = httptools.HttpRequestParser(self)
        self._begin()
        return b"\r\n".join(lines) + b"\r\n\r\n" + rest

    def _begin(self) -> None:
        self.target = b""
        self.body_bytes = 0
        self._given = {}
        self._body = []
        self._head_bytes = 0
        self._in_head = True

    # The parser's calls; an exception here would be reported as malformed HTTP, so none is raised

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._given[name.lower()] = value

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._seen_bytes = -1
        headers = self._headers = self._given
        self._given = _NOWHERE
        if self._head_bytes > MAX_HEAD_BYTES and self._is_long(headers):  # the bytes of a body may be among them
            self._refuse_head()
            return
        length = headers.get(b"content-length")
        if length is not None and len(length) >= self._digits and int(length) > self._bodies.max_bytes:
            self._refuse_body()
        elif b"transfer-encoding" in headers and headers[b"transfer-encoding"].lower() != b"chunked":
            given = headers[b"transfer-encoding"].decode("latin-1")
            self._refuse(UnsupportedEncoding(f"Transfer-Encoding {given} is not supported: send chunked"))
        elif b"expect" in headers and self._wants_to_be_told():
            self._taker.welcome()

    def on_body(self, body: bytes) -> None:
        self.body_bytes += len(body)
        if self.body_bytes > self._uncounted_bytes:
            self._hold()
        if not self.ended:
            self._body.append(body)

    def on_message_complete(self) -> None:
        parser, headers = self._parser, self._headers
        if b"upgrade" in headers and parser.should_upgrade() and parser.get_method() != b"CONNECT":
            return  # it is parsed again without the offer, and then with its body
        self.arriving = False
        if self.ended:
            return
        target, parts = self.target, self._body
        self._begin()
        request = Request(parser.get_method(), target, headers, parts[0] if len(parts) == 1 else b"".join(parts))
        request.keep_alive = parser.should_keep_alive()
        if not request.keep_alive or b"connection" in headers:  # any other is HTTP/1.1, and asking costs
            request.chunks = parser.get_http_version() != "1.0"
        request.held, self._held = self._held, 0
        self._taker.take(request)

    def _wants_to_be_told(self) -> bool:
        return self._headers[b"expect"].lower() == b"100-continue" and self._parser.get_http_version() != "1.0"

    def _is_long(self, headers: Headers) -> bool:
        return len(self.target) + sum(len(name) + len(value) + 4 for name, value in headers.items()) > MAX_HEAD_BYTES

    def _refuse_head(self) -> None:
        self._refuse(HeadersTooLarge(f"the request's head is over {MAX_HEAD_BYTES} bytes"))

    def _refuse_body(self) -> None:
        self._refuse(TooLarge(self._bodies.max_bytes))

    def _hold(self) -> None:
        if self.ended:
            return
        if self.body_bytes > self._bodies.max_bytes:
            self._refuse_body()
            return
        try:
            self._bodies.take(self.body_bytes - self._held)
            self._held = self.body_bytes
        except Overloaded as error:
            self._refuse(error)

    def _refuse(self, error: Optional[ScoringError]) -> None:
        if not self.ended:
            self.end()
            self._taker.refuse(error)
