"""The handlers of the two services that every gRPC server of ours has: health and reflection."""

from __future__ import annotations

from functools import partial
from typing import Any, Awaitable, Callable, Dict

import grpc

from .grpc_guard import Guard, Metadata
from .grpc_health import Health
from .grpc_reflection import REFLECTION_SERVICES, Reflection

Read = Callable[[Any], Awaitable[Any]]  # the next message of a context, or grpc.aio.EOF
HEALTH_SERVICE = "grpc.health.v1.Health"


def standard_handlers(guard: Guard, health: Health, reflection: Reflection, read: Read) -> Dict[str, Dict[str, Any]]:
    """Return the handlers by service and method."""

    async def watch(context: Any, metadata: Metadata) -> None:
        message = await read(context)
        if message is not grpc.aio.EOF:
            async for status in health.watch(message):
                await context.write(status)

    async def reflect(service: str, context: Any, metadata: Metadata) -> None:
        while (message := await read(context)) is not grpc.aio.EOF:
            await context.write(reflection.answer(service, message))

    handlers = {HEALTH_SERVICE: {"Check": guard.unary(health.check, health.request), "Watch": guard.stream(watch)}}
    for service in REFLECTION_SERVICES:
        handlers[service] = {"ServerReflectionInfo": guard.stream(partial(reflect, service))}
    return handlers
