"""What the service is asked of a server, not of a model: shared memory, trace and log settings. They never change."""

from __future__ import annotations

from typing import Any, Dict

from ..errors import Unsupported
from .fixed_settings import LOG, NO_SHARED_MEMORY, TRACE, no_region, refuse_changes
from .grpc_guard import Metadata, Method

_LOG_KINDS = {bool: "bool_param", int: "uint32_param", str: "string_param"}


class Settings:
    """The methods, by name."""

    def __init__(self, messages: Dict[str, Any]) -> None:
        self._messages = messages
        self.methods: Dict[str, Method] = {"TraceSetting": self.trace, "LogSettings": self.log}
        for kind in ("System", "Cuda"):
            self.methods[f"{kind}SharedMemoryStatus"] = self._status(f"{kind}SharedMemoryStatusResponse")
            self.methods[f"{kind}SharedMemoryRegister"] = self.register
            self.methods[f"{kind}SharedMemoryUnregister"] = self._empty(f"{kind}SharedMemoryUnregisterResponse")

    async def register(self, request: Any, context: Any, metadata: Metadata) -> Any:
        raise Unsupported(NO_SHARED_MEMORY)

    async def trace(self, request: Any, context: Any, metadata: Metadata) -> Any:
        refuse_changes(TRACE, {name: list(item.value) or None for name, item in request.settings.items()})
        values = {name: {"value": value if isinstance(value, list) else [value]} for name, value in TRACE.items()}
        return self._messages["TraceSettingResponse"](settings=values)

    async def log(self, request: Any, context: Any, metadata: Metadata) -> Any:
        refuse_changes(LOG, {name: _chosen(item) for name, item in request.settings.items()})
        values = {name: {_LOG_KINDS[type(value)]: value} for name, value in LOG.items()}
        return self._messages["LogSettingsResponse"](settings=values)

    def _status(self, response: str) -> Method:
        async def status(request: Any, context: Any, metadata: Metadata) -> Any:
            if request.name:
                raise no_region(request.name)
            return self._messages[response]()

        return status

    def _empty(self, response: str) -> Method:
        async def answer(request: Any, context: Any, metadata: Metadata) -> Any:
            return self._messages[response]()

        return answer


def _chosen(item: Any) -> Any:
    kind = item.WhichOneof("parameter_choice")
    return getattr(item, kind) if kind else None
