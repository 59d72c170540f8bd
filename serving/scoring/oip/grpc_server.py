"""The gRPC server of a scoring process: Triton's service, ``grpc.health.v1`` and reflection on one port."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Optional, Set

import grpc

from ..errors import LoadFailed
from ..mirror import Mirror
from .grpc_door import GrpcInference
from .grpc_guard import Guard
from .grpc_health import HEALTH, Health
from .grpc_messages import TRITON
from .grpc_reflection import Reflection
from .grpc_schema import SERVICE, STREAM_METHOD
from .grpc_standard import standard_handlers
from .grpc_stream import OpenStreams, StreamInfer
from .grpc_wire import RAW_MESSAGES

MAX_CALLS = 10_000  # at once, idle streams and those whose message has not come among them; more are refused
# How much of a stream may come ahead of its answers. Where it is small and both are large, HAProxy 2.8 waits for ever:
# it reads nothing from a side whose buffer is full, and so misses that this side takes what the other sends.
MAX_AHEAD_BYTES = 1 << 30
MAX_CALLS_PER_CONNECTION = 100  # more wait at the client, as HTTP/2 has it
REVIVAL_GRACE_S = 5.0  # for the calls of a server that has ended by itself

_log = logging.getLogger("slipway.scoring.grpc")


class GrpcServer:
    """Serves one model. A message may have ``max_message_bytes``, compressed or not; so may an answer, and more."""

    def __init__(
        self,
        service: GrpcInference,
        secret: Optional[bytes],
        max_message_bytes: int,
        mirror: Optional[Mirror] = None,
    ) -> None:
        self._draining = False
        self._model = service.model
        self._streams = OpenStreams()
        self._health = Health(self._serves)
        self._options = [
            ("grpc.max_receive_message_length", max_message_bytes),
            ("grpc.max_send_message_length", -1),
            ("grpc.max_concurrent_streams", MAX_CALLS_PER_CONNECTION),
            ("grpc.so_reuseport", 0),
            ("grpc.http2.lookahead_bytes", min(2 * max_message_bytes, MAX_AHEAD_BYTES)),
            ("grpc.http2.bdp_probe", 0),
            RAW_MESSAGES,
        ]
        guard = Guard(secret, max_message_bytes, mirror)
        stream = StreamInfer(service, self._streams, max_message_bytes)
        handlers = standard_handlers(guard, self._health, Reflection([TRITON, HEALTH]), self._streams.next)
        handlers[SERVICE] = {
            name: guard.unary(method, service.messages[f"{name}Request"]) for name, method in service.methods.items()
        }
        handlers[SERVICE][STREAM_METHOD] = guard.stream(stream.serve)
        self._handlers = tuple(
            grpc.method_handlers_generic_handler(name, methods) for name, methods in handlers.items()
        )
        self._server = self._new_server()
        self._tasks: Set[asyncio.Future[Any]] = set()

    def _new_server(self) -> Any:
        server = grpc.aio.server(options=self._options, maximum_concurrent_rpcs=MAX_CALLS)
        server.add_generic_rpc_handlers(self._handlers)
        return server

    async def start(self, host: str, port: int) -> int:
        """Serve on ``host:port`` (0 takes a free one) and return the port.

        Raises:
            LoadFailed: the port cannot be had.
        """
        try:
            bound: int = self._server.add_insecure_port(f"{host}:{port}")
        except RuntimeError as error:
            raise LoadFailed(f"cannot listen on {host}:{port} for gRPC: the port is taken") from error
        await self._server.start()
        self._spawn(self._revive(host, bound))
        return bound

    async def _revive(self, host: str, port: int) -> None:
        """Put another server in the place of one that has ended by itself, until this process drains.

        grpc.aio's reads the path of a call as UTF-8, and ends with its port when somebody sends other bytes there.
        """
        while True:
            try:
                await self._server.wait_for_termination()
                return
            except Exception as error:
                if self._draining:
                    return
                _log.error("the gRPC server has ended, another takes its place: %r", error)
            self._spawn(self._server.stop(REVIVAL_GRACE_S))
            self._server = self._new_server()
            self._server.add_insecure_port(f"{host}:{port}")
            await self._server.start()

    def _spawn(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def drain(self, grace_s: float) -> None:
        """Take no more calls, end the streams between two requests, and let the rest finish within ``grace_s``."""
        self._draining = True
        self._health.end()
        self._streams.drain()
        await self._server.stop(grace_s)

    def _serves(self, service: str) -> Optional[bool]:
        known = service in ("", SERVICE) or self._model.is_ours(service, "")
        return not self._draining if known else None
