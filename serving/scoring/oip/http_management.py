"""Beside inference under ``/v2``: configuration, statistics, the repository, shared memory, trace and log settings."""

from __future__ import annotations

from typing import Any, Dict, Optional
from urllib.parse import unquote_to_bytes

import msgspec

from ..errors import InvalidInput, Unsupported
from ..formats.bare_tokens import MALFORMED
from ..http.messages import Request, Response, json_response
from .fixed_settings import LOG, NO_SHARED_MEMORY, TRACE, Settings, no_region, refuse_changes
from .served_model import ServedModel


class _Index(msgspec.Struct):
    ready: bool = False


class _Load(msgspec.Struct):
    parameters: Optional[Dict[str, Any]] = None


class Management:
    """The doors under ``/v2`` that score nothing."""

    def __init__(self, model: ServedModel) -> None:
        self._model = model

    async def config(self, request: Request) -> Response:
        return json_response(200, self._model.config())

    async def statistics(self, request: Request) -> Response:
        return json_response(200, {"model_stats": [self._model.statistics()]})

    async def index(self, request: Request) -> Response:
        return json_response(200, self._model.index(_body(request, _Index).ready))

    async def load(self, request: Request) -> Response:
        self._model.load(_named(request), _body(request, _Load).parameters or {})
        return Response(200, b"")

    async def unload(self, request: Request) -> Response:
        self._model.unload(_named(request))

    async def regions(self, request: Request) -> Response:
        """List shared memory: there is none."""
        return json_response(200, [])

    async def region(self, request: Request) -> Response:
        raise no_region(_named(request))

    async def register(self, request: Request) -> Response:
        raise Unsupported(NO_SHARED_MEMORY)

    async def unregister(self, request: Request) -> Response:
        """Forget a region, or all; perf_analyzer begins with it."""
        return Response(200, b"")

    async def trace(self, request: Request) -> Response:
        return _settings(request, TRACE)

    async def log(self, request: Request) -> Response:
        return _settings(request, LOG)


def _settings(request: Request, settings: Settings) -> Response:
    if request.method == b"POST":
        refuse_changes(settings, _body(request, Dict[str, Any]))
    return json_response(200, settings)


def _named(request: Request) -> str:
    """Return the name in ``/v2/repository/models/NAME/…`` or ``/v2/…memory/region/NAME/…``."""
    return unquote_to_bytes(request.path.split(b"/")[4]).decode("utf-8", "replace")


def _body(request: Request, kind: Any) -> Any:
    """Read a JSON object; no body is an empty one."""
    try:
        return msgspec.json.decode(request.body.strip() or b"{}", type=kind)
    except MALFORMED as error:
        raise InvalidInput(f"the body is not what is taken here: {error}") from error
