"""``grpc.health.v1``: who asks by Check is told at once, who watches at each change."""

from __future__ import annotations

import asyncio
from typing import Any, AsyncIterator, Callable, Optional

from ..errors import NotFound
from .grpc_messages import Schema, message_classes
from .grpc_wire import decompressed, parsed

HEALTH = Schema(
    "grpc.health.v1",
    {"HealthCheckRequest": "string service 1", "HealthCheckResponse": "HealthCheckResponse.ServingStatus status 1"},
    {"HealthCheckResponse.ServingStatus": "UNKNOWN SERVING NOT_SERVING SERVICE_UNKNOWN"},
    "Health",
    "Check HealthCheckRequest HealthCheckResponse,Watch HealthCheckRequest *HealthCheckResponse",
)
SERVING, NOT_SERVING, SERVICE_UNKNOWN = 1, 2, 3
MAX_REQUEST_BYTES = 1 << 16


class Health:
    """The service. ``serves`` says of a service's name whether it can be called now, or None where there is none."""

    def __init__(self, serves: Callable[[str], Optional[bool]]) -> None:
        self._serves = serves
        messages = message_classes(HEALTH)
        self.request = messages["HealthCheckRequest"]
        self._response = messages["HealthCheckResponse"]
        self._changed = asyncio.Event()
        self._over = False

    async def check(self, request: Any, context: Any, metadata: Any) -> Any:
        """Answer with the status now.

        Raises:
            NotFound: there is no such service.
        """
        status = self._status(request.service)
        if status == SERVICE_UNKNOWN:
            raise NotFound(f"there is no service '{request.service}'")
        return self._response(status=status)

    async def watch(self, message: bytes) -> AsyncIterator[bytes]:
        """Say the status now and whenever it is another.

        Raises:
            InvalidInput: it is no request.
        """
        service, told = parsed(decompressed(message, MAX_REQUEST_BYTES), self.request).service, None
        while True:
            status, changed, last = self._status(service), self._changed, self._over  # as it is before the yield
            if status != told:
                told = status
                yield self._response(status=status).SerializeToString()
            if last:
                return
            await changed.wait()

    def changed(self) -> None:
        """Have those who watch look again."""
        told, self._changed = self._changed, asyncio.Event()
        told.set()

    def end(self) -> None:
        """Tell those who watch a last time."""
        self._over = True
        self.changed()

    def _status(self, service: str) -> int:
        serves = self._serves(service)
        return SERVICE_UNKNOWN if serves is None else SERVING if serves else NOT_SERVING
