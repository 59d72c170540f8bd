"""uvicorn's HTTP protocol with a bound on what comes before and between the bytes of a body.

Its parser collects a request's line and headers for as long as they come, so a client that never ends them takes as
much memory as it likes to send.
"""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES = 64 << 10
MAX_HEADERS = 200

_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"  # no body to read
)


class TooManyHeaders(Exception):
    """Ends the parsing; uvicorn answers 400 and closes."""


class BoundedHttpProtocol(HttpToolsProtocol):
    """Closes a connection whose headers, trailers or chunk sizes are more than any client of ours sends."""

    _since_progress = 0
    _progress = False

    def data_received(self, data: bytes) -> None:
        self._progress = False
        super().data_received(data)
        self._since_progress = 0 if self._progress else self._since_progress + len(data)
        if self._since_progress > MAX_HEAD_BYTES and not self.transport.is_closing():
            self.transport.write(_TOO_LARGE)
            self.transport.close()

    def on_header(self, name: bytes, value: bytes) -> None:
        if len(self.headers) >= MAX_HEADERS or len(name) + len(value) > MAX_HEAD_BYTES:
            raise TooManyHeaders
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._progress = True
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._progress = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._progress = True
        super().on_message_complete()
