"""Sends copies over HTTP/1.1 to the edge's socket for them; one connection carries one copy at a time."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, cast

import httptools

MAX_ANSWER_BYTES = 64 << 20
# Headers between two neighbours, and what the copy has of its own.
_NOT_COPIED = {
    *(b"connection", b"keep-alive", b"transfer-encoding", b"te", b"upgrade", b"expect", b"trailer"),
    *(b"host", b"content-length", b"content-encoding", b"accept-encoding", b"azureml-model-deployment"),
}


class CopyAnswer(NamedTuple):
    status: int
    headers: dict[bytes, bytes]
    body: bytes


def request_bytes(target: bytes, deployment: str, headers: Mapping[bytes, bytes], body: bytes) -> bytes:
    """Lay out a copy: ``target`` is the path with the endpoint's own before it."""
    lines = [b"POST %b HTTP/1.1" % target, b"host: copies", b"azureml-model-deployment: %b" % deployment.encode()]
    lines += [b"%b: %b" % item for item in headers.items() if item[0] not in _NOT_COPIED]
    lines.append(b"content-length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


class CopyConnection:
    """Kept open between copies. Not to be used by two at once."""

    def __init__(self, socket: Path) -> None:
        self._socket = str(socket)
        self._protocol: _Exchange | None = None

    async def send(self, request: bytes) -> CopyAnswer:
        """Send a copy and return its answer; where a kept connection had ended meanwhile, over another.

        Raises:
            OSError: the edge is away, or ended the connection within its answer.
        """
        kept = self._protocol is not None and self._protocol.usable
        try:
            return await self._exchange(request)
        except ConnectionError:
            if not kept:
                raise
            return await self._exchange(request)

    def close(self) -> None:
        if self._protocol is not None:
            self._protocol.transport.abort()
            self._protocol = None

    async def _exchange(self, request: bytes) -> CopyAnswer:
        try:
            if self._protocol is None or not self._protocol.usable:
                loop = asyncio.get_running_loop()
                _, self._protocol = await loop.create_unix_connection(_Exchange, self._socket)
            return await self._protocol.exchange(request)
        except BaseException:  # given up in the midst of an answer, too
            self.close()
            raise


class _Exchange(asyncio.Protocol):
    def __init__(self) -> None:
        self.usable = True
        self.transport = cast(asyncio.Transport, None)
        self._answer: asyncio.Future[CopyAnswer] | None = None

    async def exchange(self, request: bytes) -> CopyAnswer:
        self._parser = httptools.HttpResponseParser(self)
        self._headers: dict[bytes, bytes] = {}
        self._body: list[bytes] = []
        self._size = 0
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return await self._answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, AttributeError):  # or it came before anything was asked
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self.usable = False
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionResetError("the edge ended the connection without an answer"))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.lower()] = value

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        if self._size > MAX_ANSWER_BYTES:
            self.transport.abort()
        else:
            self._body.append(body)

    def on_message_complete(self) -> None:
        self.usable = self.usable and self._parser.should_keep_alive()
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(CopyAnswer(self._parser.get_status_code(), self._headers, b"".join(self._body)))
