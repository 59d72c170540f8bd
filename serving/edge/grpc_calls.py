"""The agent's own gRPC server, on a Unix socket behind HAProxy: calls that name no endpoint, and those whose endpoint
HAProxy cannot see. No request for an endpoint that it can see comes here.
"""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import grpc

from serving.edge.grpc_passing import MAX_MESSAGE_BYTES, Passing
from serving.policy.repository import ModelState, index, opened_by
from serving.scoring.errors import Unsupported
from serving.scoring.oip.grpc_guard import Guard, Metadata
from serving.scoring.oip.grpc_health import HEALTH, Health
from serving.scoring.oip.grpc_messages import TRITON, message_classes
from serving.scoring.oip.grpc_reflection import Reflection
from serving.scoring.oip.grpc_schema import SERVICE
from serving.scoring.oip.grpc_settings import Settings
from serving.scoring.oip.grpc_standard import standard_handlers
from serving.scoring.oip.grpc_wire import RAW_MESSAGES
from serving.scoring.oip.server_metadata import server_metadata
from serving.wire.routing import EndpointRoute, RoutingTable

# Each names an endpoint in its first message.
NAMING = (
    *("ModelInfer", "ModelStreamInfer", "ModelReady", "ModelMetadata", "ModelConfig", "ModelStatistics"),
    *("RepositoryModelLoad", "RepositoryModelUnload"),
)
MAX_CALLS = 200  # at once, health's watchers among them


class GrpcCalls:
    """``address`` is the edge's gRPC port, ``table`` gives the routing table that holds."""

    def __init__(self, socket: Path, address: str, table: Callable[[], RoutingTable]) -> None:
        self._socket = socket
        self._table = table
        self._messages = message_classes()
        self._passing = Passing(address, self._messages)
        options = [
            ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
            ("grpc.max_send_message_length", -1),
            ("grpc.so_reuseport", 0),
            ("grpc.http2.lookahead_bytes", 2 * MAX_MESSAGE_BYTES),  # as a scoring process' (grpc_server)
            ("grpc.http2.bdp_probe", 0),
            RAW_MESSAGES,
        ]
        self._server = grpc.aio.server(options=options, maximum_concurrent_rpcs=MAX_CALLS)
        self._server.add_generic_rpc_handlers(self._handlers(Guard(None, MAX_MESSAGE_BYTES)))

    async def start(self) -> None:
        """Listen. What an agent that was killed has left at the socket's place is replaced."""
        self._socket.unlink(missing_ok=True)
        self._server.add_insecure_port(f"unix:{self._socket}")
        await self._server.start()

    async def stop(self) -> None:
        await self._server.stop(None)
        await self._passing.close()

    def _handlers(self, guard: Guard) -> tuple[Any, ...]:
        health = Health(lambda service: True if service in ("", SERVICE) else None)
        handlers = standard_handlers(guard, health, Reflection([TRITON, HEALTH]), lambda context: context.read())
        methods = {
            "ServerLive": self._live,
            "ServerReady": self._ready,
            "ServerMetadata": self._metadata,
            "RepositoryIndex": self._index,
            **Settings(self._messages).methods,
        }
        handlers[SERVICE] = {
            name: guard.unary(method, self._messages[f"{name}Request"]) for name, method in methods.items()
        }
        for name in NAMING:
            handlers[SERVICE][name] = guard.stream(partial(self._pass_on, name))
        known = [grpc.method_handlers_generic_handler(name, these) for name, these in handlers.items()]
        return (*known, _Unknown(guard.stream(_unknown)))

    async def _live(self, request: Any, context: Any, metadata: Metadata) -> Any:
        return self._messages["ServerLiveResponse"](live=True)

    async def _ready(self, request: Any, context: Any, metadata: Metadata) -> Any:
        return self._messages["ServerReadyResponse"](ready=True)

    async def _metadata(self, request: Any, context: Any, metadata: Metadata) -> Any:
        return self._messages["ServerMetadataResponse"](**server_metadata())

    async def _index(self, request: Any, context: Any, metadata: Metadata) -> Any:
        """List the endpoints that the caller's key opens, with each version that is served."""
        if request.repository_name:
            raise Unsupported(f"there are no named repositories here, such as '{request.repository_name}'")
        entries = index(await self._opened(context, metadata), self._table())
        models = [
            {"name": entry.name, "version": entry.version, "state": entry.state.value, "reason": entry.reason}
            for entry in entries
            if not request.ready or entry.state is ModelState.READY
        ]
        return self._messages["RepositoryIndexResponse"](models=models)

    async def _pass_on(self, method: str, context: Any, metadata: Metadata) -> None:
        await self._opened(context, metadata)  # who has no key at all is not decompressed for
        await self._passing.pass_on(method, context, metadata)

    async def _opened(self, context: Any, metadata: Metadata) -> list[EndpointRoute]:
        """Return the endpoints whose key the caller has, and refuse one who has none."""
        scheme, _, key = str(metadata.get("authorization", "")).partition(" ")
        now_ms = time.time_ns() // 1_000_000
        opened = opened_by(key.strip(), self._table(), now_ms) if scheme.lower() == "bearer" else []
        if not opened:
            unknown = "a valid key is needed: send metadata authorization: Bearer KEY"
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, unknown)
        return opened


class _Unknown(grpc.GenericRpcHandler):  # type: ignore[misc] # grpc has no types
    def __init__(self, handler: Any) -> None:
        self._handler = handler

    def service(self, details: Any) -> Any:
        return self._handler


async def _unknown(context: Any, metadata: Metadata) -> None:
    raise Unsupported("there is no such method here; an endpoint's own is called with metadata 'endpoint'")
