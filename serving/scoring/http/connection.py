"""One connection of HTTP/1.1: an asyncio protocol, and nothing between it and the application.

Pipelined requests (answered in order), streamed answers, ends and slow clients are handled here; ``reading`` makes the
requests of what arrives. Measured against uvicorn under "Decisions" in ARCHITECTURE.md.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections import deque
from math import inf
from typing import Any, Callable, Coroutine, Deque, Optional, Protocol, cast

from ..errors import RequestTooSlow, ScoringError
from ..fast_path import leave_fast_path, run_fast
from .bodies import Bodies
from .messages import Answer, Request, Response, StreamedResponse, render, render_head
from .reading import Reader

App = Callable[[Request], Coroutine[Any, Any, Answer]]
Refuse = Callable[[bytes, ScoringError], Response]  # the path as far as it is known, and what is wrong

TRANSFER_TIMEOUT_S = 30.0  # for a request to arrive or an answer to be taken; more for what has passed, at this pace:
SLOWEST_BYTES_PER_S = 16 * 1024
LINGER_S = 2.0
IDLE_TIMEOUT_S = 90.0  # between requests of a connection
AT_ONCE = 16  # pipelined requests that are answered before others have their turn

_log = logging.getLogger("slipway.scoring")


class Server(Protocol):
    """What all connections share."""

    app: App
    refuse: Refuse
    bodies: Bodies
    draining: bool

    def admit(self, connection: Connection) -> None: ...

    def leave(self, connection: Connection) -> None: ...


class Connection(asyncio.Protocol):
    """One client connection. At most one request is being answered at a time; pipelined ones wait in order."""

    def __init__(self, server: Server, loop: asyncio.AbstractEventLoop) -> None:
        self._server = server
        self._loop = loop
        self._transport = cast(asyncio.Transport, None)  # from connection_made on
        self._reader = Reader(self, server.bodies, loop.time)
        self._last_words: Optional[Response] = None  # sent after the answers that are due, before closing
        self._writable = True
        self._reading = True
        self._paused = (0.0, 0)  # when the client had too much left to read, and how many bytes
        self._room: Optional[asyncio.Future[None]] = None  # what a streamed answer waits for while it is so
        self._since = loop.time()  # it was made, or its last answer written
        self._waiting: Deque[Request] = deque()
        self._answering: Optional[Request] = None  # one whose bytes are counted
        self._busy = False
        self._going_on = False
        self._at_once = 0  # requests of what is being read that were answered already
        self._task: Optional[asyncio.Task[Any]] = None

    # The transport's calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._server.admit(self)

    def connection_lost(self, exc: Optional[Exception]) -> None:
        self._reader.end()
        self._server.leave(self)
        if self._answering is not None:
            self._let_go(self._answering)
        self._drop_waiting()
        if self._task is not None:
            self._task.cancel()  # work that is queued for this client is never started

    def data_received(self, data: bytes) -> None:
        self._at_once = 0
        self._reader.feed(data)

    def pause_writing(self) -> None:
        self._writable = False
        self._paused = (self._loop.time(), self._transport.get_write_buffer_size())
        if not self._busy:  # in the midst of a streamed answer, reading on tells when the client leaves
            self._stop_reading()

    def resume_writing(self) -> None:
        self._writable = True
        if self._room is not None and not self._room.done():
            self._room.set_result(None)
        self._go_on()

    # The reader's calls

    def take(self, request: Request) -> None:
        if self._busy or self._waiting or not self._writable:
            self._waiting.append(request)
            self._stop_reading()
        elif self._at_once < AT_ONCE:
            self._at_once += 1
            self._answer(request)
        else:
            self._waiting.append(request)
            self._stop_reading()
            self._loop.call_soon(self._go_on)

    def refuse(self, error: Optional[ScoringError]) -> None:
        if error is not None:
            self._last_words = self._server.refuse(self._reader.target.partition(b"?")[0], error)
        self._go_on()

    def welcome(self) -> None:
        if not self._busy:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _stop_reading(self) -> None:
        self._reading = False
        self._transport.pause_reading()

    # Answering

    def _answer(self, request: Request) -> None:
        self._busy = True
        if request.held:
            self._answering = request
        task = run_fast(self._loop, self._server.app(request), self._finish, self._fail, request)
        if task is not None:
            self._task = task

    def _fail(self, request: Request, error: BaseException) -> None:
        """Answer for an application that raised, or its client would wait until it gives up."""
        _log.error("the application raised", exc_info=error)
        response = self._server.refuse(request.path, ScoringError("internal error; see the log"))
        response.close = True
        self._finish(request, response)

    def _finish(self, request: Request, response: Answer) -> None:
        if request.held:
            self._let_go(request)
        if isinstance(response, StreamedResponse):
            sending = self._stream(request, response)
            self._task = run_fast(self._loop, sending, self._after_answer, self._break_off, request)
            return
        keep_alive = request.keep_alive and not response.close and not self._server.draining
        if not self._transport.is_closing():
            self._transport.write(render(request, response, keep_alive))
        self._after_answer(request, keep_alive)

    async def _stream(self, request: Request, response: StreamedResponse) -> bool:
        """Send an answer piece by piece, no faster than the client reads; return whether the connection is kept."""
        keep_alive = request.chunks and request.keep_alive and not response.close and not self._server.draining
        try:
            await leave_fast_path()
            if self._transport.is_closing():
                return False
            self._transport.write(render_head(request, response, keep_alive))
            if request.method == b"HEAD":
                return keep_alive
            async for piece in response.pieces:
                if piece:  # an empty chunk would be the last one
                    self._transport.write(b"%x\r\n%b\r\n" % (len(piece), piece) if request.chunks else piece)
                if not self._writable:
                    self._room = self._loop.create_future()
                    await self._room
            if request.chunks:
                self._transport.write(b"0\r\n\r\n")
            return keep_alive and not self._server.draining  # which may have begun meanwhile
        finally:
            await response.pieces.aclose()

    def _break_off(self, request: Request, error: BaseException) -> None:
        """End a connection in the midst of an answer, so that its client cannot take it for whole."""
        name, unexpected = request.request_id.decode("latin-1"), not isinstance(error, ScoringError)
        _log.error("the answer of request %s broke off: %s", name, error, exc_info=error if unexpected else None)
        self._busy = False
        self._task = None
        self._since = self._loop.time()
        self._reader.end()
        self._drop_waiting()
        if request.chunks:
            self._transport.close()  # without the last chunk
        else:  # only the end of the connection ends the body, so it must be an error
            connection: socket.socket = self._transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()

    def _after_answer(self, request: Request, keep_alive: bool) -> None:
        self._busy = False
        self._task = None
        self._since = self._loop.time()
        if self._transport.is_closing():
            return
        if not keep_alive:
            self._drop_waiting()
            self._linger()
        elif self._waiting or self._reader.ended or not self._reading:
            self._go_on()

    def _go_on(self) -> None:
        """Answer what waits; then read on, or say the last words and close."""
        if self._going_on:
            return  # an answer of the loop below
        self._going_on = True
        answered = 0
        while self._waiting and self._writable and not self._busy and answered < AT_ONCE:
            self._answer(self._waiting.popleft())
            answered += 1
        self._going_on = False
        if answered == AT_ONCE:
            self._loop.call_soon(self._go_on)
            return
        if self._waiting or self._busy or not self._writable or self._transport.is_closing():
            return
        if not self._reader.ended:
            self._reading = True
            self._transport.resume_reading()
            return
        if self._last_words is not None:
            self._transport.write(render(None, self._last_words, keep_alive=False))
        self._linger()

    # Ending

    def _let_go(self, request: Request) -> None:
        self._server.bodies.give(request.held)
        request.held = 0
        self._answering = None

    def _drop_waiting(self) -> None:
        for request in self._waiting:
            self._let_go(request)
        self._waiting.clear()

    def _linger(self) -> None:
        """End our half and ignore what still arrives for a moment, or a client mid-body would lose the answer."""
        self._reader.end()
        self._last_words = None
        self._since = self._loop.time()
        if self._transport.can_write_eof() and not self._transport.is_closing():
            self._transport.write_eof()

    def close_if_idle(self) -> None:
        """Close unless a request is arriving or being answered."""
        if not (self._busy or self._reader.arriving or self._waiting):
            self._transport.close()

    def waits_since(self) -> float:
        """Say since when this waits for its client; for ever in the future while a request is being answered."""
        return inf if self._busy or self._waiting else max(self._since, self._reader.began)

    def give_way(self) -> None:
        """Close at once, for others, unless a request is being answered."""
        if not (self._busy or self._waiting):
            self._transport.abort()

    def check_pace(self, now: float) -> None:
        """Called every second: end a connection whose client is too slow, or idle for long."""
        waited = now - max(self._since, self._reader.began)
        if not self._writable:
            paused_at, unread = self._paused
            taken = unread - self._transport.get_write_buffer_size()
            if now - paused_at > TRANSFER_TIMEOUT_S + taken / SLOWEST_BYTES_PER_S:
                self._transport.abort()
        elif self._busy:
            return
        elif self._reader.ended:
            unread = self._transport.get_write_buffer_size()
            if waited > (TRANSFER_TIMEOUT_S if unread else LINGER_S):
                self._transport.abort()
        elif self._reader.arriving:
            if waited > TRANSFER_TIMEOUT_S + self._reader.body_bytes / SLOWEST_BYTES_PER_S:
                self._reader.end()
                self.refuse(RequestTooSlow("the request did not arrive in time"))
        elif waited > IDLE_TIMEOUT_S:
            self._transport.close()
