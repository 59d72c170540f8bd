"""Beside inference over gRPC: configuration, statistics, the repository, shared memory, trace and log settings."""

from __future__ import annotations

from typing import Any, Dict

from ..errors import Unsupported
from .grpc_guard import Method
from .grpc_settings import Settings
from .served_model import ServedModel


class Management:
    """The service's methods that score nothing, by name."""

    def __init__(self, model: ServedModel, messages: Dict[str, Any]) -> None:
        self._model = model
        self._messages = messages
        self._settings = Settings(messages)
        self.methods: Dict[str, Method] = {
            "ModelConfig": self.config,
            "ModelStatistics": self.statistics,
            "RepositoryIndex": self.index,
            "RepositoryModelLoad": self.load,
            "RepositoryModelUnload": self.unload,
            **self._settings.methods,
            "TraceSetting": self.trace,
        }

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

    async def trace(self, request: Any, context: Any, metadata: Dict[str, Any]) -> Any:
        if request.model_name:
            self._model.check(request.model_name, "")
        return await self._settings.trace(request, context, metadata)


def _check_repository(request: Any) -> None:
    if request.repository_name:
        raise Unsupported(f"there are no named repositories here, such as '{request.repository_name}'")
