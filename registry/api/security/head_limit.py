"""uvicorn's HTTP protocol with a bound on what comes before and between the bytes of a body.

Its parser collects a request's line and headers for as long as they come, so a client that never ends them takes as
much memory as it likes to send.
"""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_S = 30.0  # within which a request's headers have come
MAX_HEAD_BYTES = 64 << 10
MAX_HEADERS = 200

_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"  # no body to read
)


class TooManyHeaders(Exception):
    """Ends the parsing; uvicorn answers 400 and closes."""


class BoundedHttpProtocol(HttpToolsProtocol):
    """Closes a connection whose headers, trailers or chunk sizes are more, or slower, than any client of ours sends."""

    _since_progress = 0
    _progress = False
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # uvicorn's own narrowing
        super().connection_made(transport)
        self._deadline = self.loop.call_later(HEAD_S, transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._progress = False
        super().data_received(data)
        if self._progress:
            self._since_progress = 0
            self._forget_deadline()
            return
        self._since_progress += len(data)
        if self._deadline is None:
            self._deadline = self.loop.call_later(HEAD_S, self.transport.close)
        if self._since_progress > MAX_HEAD_BYTES and not self.transport.is_closing():
            self.transport.write(_TOO_LARGE)
            self.transport.close()

    def _forget_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def on_headers_complete(self) -> None:
        self._progress = True
        if len(self.headers) > MAX_HEADERS:
            raise TooManyHeaders
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._progress = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._progress = True
        super().on_message_complete()
