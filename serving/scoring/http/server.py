"""HTTP/1.1 on sockets: httptools' parser, an asyncio protocol, and nothing between them and the application.

Keep-alive, pipelining (answered in order), chunked bodies, 100-continue, limits and slow clients are handled here.
Measured against uvicorn under "Decisions" in ARCHITECTURE.md.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import deque
from functools import partial
from typing import Any, Callable, Coroutine, Deque, Dict, List, Optional, Set, cast

import httptools

from ..errors import HeadersTooLarge, InvalidInput, RequestTooSlow, ScoringError, TooLarge
from ..fast_path import run_fast
from .messages import Request, Response, render

App = Callable[[Request], Coroutine[Any, Any, Response]]
Refuse = Callable[[bytes, ScoringError], Response]  # the path as far as it is known, and what is wrong

MAX_HEAD_BYTES = 64 * 1024
RECEIVE_TIMEOUT_S = 30.0  # for a request to arrive, and more for what has arrived already at this pace:
SLOWEST_BYTES_PER_S = 16 * 1024
LINGER_S = 2.0
IDLE_TIMEOUT_S = 90.0  # between requests of a connection
SWEEP_S = 1.0

_log = logging.getLogger("slipway.scoring")


class HttpServer:
    """Serve ``app`` on a listening socket; ``refuse`` words the answers to requests that never reach it."""

    def __init__(self, app: App, refuse: Refuse, max_body_bytes: int) -> None:
        self.app = app
        self.refuse = refuse
        self.max_body_bytes = max_body_bytes
        self.draining = False
        self.connections: Set[Connection] = set()
        self._listener: Optional[asyncio.AbstractServer] = None
        self._sweeper: Optional[asyncio.TimerHandle] = None

    async def start(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(lambda: Connection(self, loop), sock=listening, backlog=2048)
        self._sweep(loop)

    async def drain(self) -> None:
        """Stop accepting, let every request that has begun to arrive be answered, then return."""
        self.draining = True
        if self._listener is not None:
            self._listener.close()
        for connection in list(self.connections):
            connection.close_if_idle()
        while self.connections:  # noqa: ASYNC110 - an Event would cost every connection a line for this one wait
            await asyncio.sleep(0.02)
        if self._sweeper is not None:
            self._sweeper.cancel()

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for connection in list(self.connections):
            connection.check_pace(now)
        self._sweeper = loop.call_later(SWEEP_S, self._sweep, loop)


class Connection(asyncio.Protocol):
    """One client connection. At most one request is being answered at a time; pipelined ones wait in order."""

    def __init__(self, server: HttpServer, loop: asyncio.AbstractEventLoop) -> None:
        self._server = server
        self._loop = loop
        self._transport = cast(asyncio.Transport, None)  # from connection_made on
        self._parser = httptools.HttpRequestParser(self)
        self._target = b""
        self._headers: Dict[bytes, bytes] = {}
        self._body: List[bytes] = []
        self._head_bytes = 0
        self._body_bytes = 0
        self._arriving = False  # a request has begun and is not complete
        self._in_head = True
        self._closing = False  # what arrives from now on does not count
        self._last_words: Optional[Response] = None  # sent after the answers that are due, before closing
        self._writable = True
        self._since = loop.time()  # when the request began to arrive, or the last answer was written
        self._waiting: Deque[Request] = deque()
        self._busy = False
        self._going_on = False
        self._task: Optional[asyncio.Task[Response]] = None

    # The transport's calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._server.connections.add(self)

    def connection_lost(self, exc: Optional[Exception]) -> None:
        self._closing = True
        self._waiting.clear()
        self._server.connections.discard(self)
        if self._task is not None:
            self._task.cancel()  # work that is queued for this client is never started

    def data_received(self, data: bytes) -> None:
        if self._closing:
            return
        if not self._arriving:
            self._arriving = True
            self._since = self._loop.time()
        if self._in_head:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:  # we offer no other protocol: the request is answered as it is
            self._close_after_answers(None)
        except httptools.HttpParserError as error:
            self._close_after_answers(InvalidInput(f"malformed HTTP request: {error}"))
        if self._in_head and self._head_bytes > MAX_HEAD_BYTES:
            self._close_after_answers(HeadersTooLarge(f"the request's head is over {MAX_HEAD_BYTES} bytes"))

    def pause_writing(self) -> None:
        self._writable = False
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._writable = True
        self._go_on()

    # The parser's calls; an exception here would be reported as malformed HTTP, so none is raised

    def on_message_begin(self) -> None:
        self._target = b""
        self._headers = {}
        self._body = []
        self._body_bytes = 0

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        self._in_head = False
        headers = self._headers
        if int(headers.get(b"content-length", 0)) > self._server.max_body_bytes:
            self._refuse_body()
        elif b"expect" in headers and headers[b"expect"].lower() == b"100-continue" and not self._busy:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        if self._body_bytes > self._server.max_body_bytes:
            self._refuse_body()
        elif not self._closing:
            self._body.append(body)

    def on_message_complete(self) -> None:
        self._arriving = False
        self._in_head = True
        self._head_bytes = 0
        if self._closing:
            return
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        self._body = []
        request = Request(self._parser.get_method(), self._target, self._headers, body)
        request.keep_alive = self._parser.should_keep_alive()
        if self._busy or self._waiting or not self._writable:
            self._waiting.append(request)
            self._transport.pause_reading()
        else:
            self._answer(request)

    # Answering

    def _answer(self, request: Request) -> None:
        self._busy = True
        finish, fail = partial(self._finish, request), partial(self._fail, request)
        self._task = run_fast(self._loop, self._server.app(request), finish, fail)

    def _fail(self, request: Request, error: BaseException) -> None:
        """Answer for an application that raised, or its client would wait until it gives up."""
        _log.error("the application raised", exc_info=error)
        response = self._server.refuse(request.path, ScoringError("internal error; see the log"))
        response.close = True
        self._finish(request, response)

    def _finish(self, request: Request, response: Response) -> None:
        self._busy = False
        self._task = None
        self._since = self._loop.time()
        if self._transport.is_closing():
            return
        keep_alive = request.keep_alive and not self._server.draining and not response.close
        self._transport.write(render(request, response, keep_alive))
        if not keep_alive:
            self._waiting.clear()
            self._linger()
        elif self._waiting or self._closing:
            self._go_on()

    def _go_on(self) -> None:
        """Answer what waits; then read on, or say the last words and close."""
        if self._going_on:
            return  # an answer of the loop below
        self._going_on = True
        while self._waiting and self._writable and not self._busy:
            self._answer(self._waiting.popleft())
        self._going_on = False
        if self._waiting or self._busy or not self._writable or self._transport.is_closing():
            return
        if not self._closing:
            self._transport.resume_reading()
            return
        if self._last_words is not None:
            self._transport.write(render(None, self._last_words, keep_alive=False))
        self._linger()

    # Ending

    def _refuse_body(self) -> None:
        self._close_after_answers(TooLarge(f"the body is over {self._server.max_body_bytes} bytes"))

    def _close_after_answers(self, error: Optional[ScoringError]) -> None:
        if self._closing:
            return
        self._closing = True
        self._body = []
        if error is not None:
            self._last_words = self._server.refuse(self._target, error)
        self._go_on()

    def _linger(self) -> None:
        """End our half and ignore what still arrives for a moment, or a client mid-body would lose the answer."""
        self._closing = True
        self._since = self._loop.time()
        if self._transport.can_write_eof() and not self._transport.is_closing():
            self._transport.write_eof()

    def close_if_idle(self) -> None:
        """Close unless a request is arriving or being answered."""
        if not (self._busy or self._arriving or self._waiting):
            self._transport.close()

    def check_pace(self, now: float) -> None:
        """Called every second: end a connection whose client is too slow, or idle for long."""
        waited = now - self._since
        if self._busy:
            return
        if self._closing:
            if waited > LINGER_S:
                self._transport.abort()
        elif not self._writable:
            if waited > RECEIVE_TIMEOUT_S:
                self._transport.abort()
        elif self._arriving:
            if waited > RECEIVE_TIMEOUT_S + self._body_bytes / SLOWEST_BYTES_PER_S:
                self._close_after_answers(RequestTooSlow("the request did not arrive in time"))
        elif waited > IDLE_TIMEOUT_S:
            self._transport.close()
