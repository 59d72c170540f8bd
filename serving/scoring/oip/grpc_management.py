"""Beside inference over gRPC: configuration, statistics, the repository, shared memory, trace and log settings."""

from __future__ import annotations

from typing import Any, Awaitable, Callable, Dict

from ..errors import NotFound, Unsupported
from .fixed_settings import LOG, TRACE, refuse_changes
from .inputs import NO_SHARED_MEMORY
from .served_model import ServedModel

Method = Callable[[Any, Any, Dict[str, Any]], Awaitable[Any]]
_LOG_KINDS = {bool: "bool_param", int: "uint32_param", str: "string_param"}


class Management:
    """The service's methods that score nothing, by name."""

    def __init__(self, model: ServedModel, messages: Dict[str, Any]) -> None:
        self._model = model
        self._messages = messages
        self.methods: Dict[str, Method] = {
            "ModelConfig": self.config,
            "ModelStatistics": self.statistics,
            "RepositoryIndex": self.index,
            "RepositoryModelLoad": self.load,
            "RepositoryModelUnload": self.unload,
            "TraceSetting": self.trace,
            "LogSettings": self.log,
        }
        for kind in ("System", "Cuda"):
            self.methods[f"{kind}SharedMemoryStatus"] = self._status(f"{kind}SharedMemoryStatusResponse")
            self.methods[f"{kind}SharedMemoryRegister"] = self.register
            self.methods[f"{kind}SharedMemoryUnregister"] = self._empty(f"{kind}SharedMemoryUnregisterResponse")

    async def config(self, request: Any, context: Any, metadata: Dict[str, Any]) -> Any:
        self._model.check(request.name, request.version)
        return self._messages["ModelConfigResponse"](config=self._model.config())

    async def statistics(self, request: Any, context: Any, metadata: Dict[str, Any]) -> Any:
        """Answer for one model, or for all when none is named."""
        if request.name:
            self._model.check(request.name, request.version)
        return self._messages["ModelStatisticsResponse"](model_stats=[self._model.statistics()])

    async def index(self, request: Any, context: Any, metadata: Dict[str, Any]) -> Any:
        _check_repository(request)
        return self._messages["RepositoryIndexResponse"](models=self._model.index(request.ready))

    async def load(self, request: Any, context: Any, metadata: Dict[str, Any]) -> Any:
        _check_repository(request)
        self._model.load(request.model_name, request.parameters)
        return self._messages["RepositoryModelLoadResponse"]()

    async def unload(self, request: Any, context: Any, metadata: Dict[str, Any]) -> Any:
        _check_repository(request)
        self._model.unload(request.model_name)

    async def register(self, request: Any, context: Any, metadata: Dict[str, Any]) -> Any:
        raise Unsupported(NO_SHARED_MEMORY)

    async def trace(self, request: Any, context: Any, metadata: Dict[str, Any]) -> Any:
        if request.model_name:
            self._model.check(request.model_name, "")
        refuse_changes(TRACE, {name: list(item.value) or None for name, item in request.settings.items()})
        values = {name: {"value": value if isinstance(value, list) else [value]} for name, value in TRACE.items()}
        return self._messages["TraceSettingResponse"](settings=values)

    async def log(self, request: Any, context: Any, metadata: Dict[str, Any]) -> Any:
        refuse_changes(LOG, {name: _chosen(item) for name, item in request.settings.items()})
        values = {name: {_LOG_KINDS[type(value)]: value} for name, value in LOG.items()}
        return self._messages["LogSettingsResponse"](settings=values)

    def _status(self, response: str) -> Method:
        async def status(request: Any, context: Any, metadata: Dict[str, Any]) -> Any:
            if request.name:
                raise NotFound(f"there is no shared memory region '{request.name}': {NO_SHARED_MEMORY}")
            return self._messages[response]()

        return status

    def _empty(self, response: str) -> Method:
        async def answer(request: Any, context: Any, metadata: Dict[str, Any]) -> Any:
            return self._messages[response]()

        return answer


def _check_repository(request: Any) -> None:
    if request.repository_name:
        raise Unsupported(f"there are no named repositories here, such as '{request.repository_name}'")


def _chosen(item: Any) -> Any:
    kind = item.WhichOneof("parameter_choice")
    return getattr(item, kind) if kind else None
