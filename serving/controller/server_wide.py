"""Calls under ``/v2`` that name no endpoint, which the edges pass on: the model repository, settings, and what is
switched off. Settings are those of every scoring process, and what would change one is refused in its words.

The repository is what the caller's key opens, so that nobody learns the names of what he may not ask.
"""

import time
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from serving.policy.repository import ModelState, index, opened_by
from serving.scoring.errors import HTTP_STATUS, ScoringError, Unsupported
from serving.scoring.oip.fixed_settings import (
    LOG,
    NO_SHARED_MEMORY,
    TRACE,
    Settings,
    no_region,
    refuse_changes,
    refuse_contents,
)
from serving.wire.routing import EndpointRoute, RoutingTable

MAX_BODY_BYTES = 1 << 20


class _IndexRequest(msgspec.Struct):
    ready: bool = False


class _LoadRequest(msgspec.Struct):
    parameters: dict[str, Any] | None = None


_Body = TypeVar("_Body")


def server_wide(table: Callable[[], RoutingTable]) -> Starlette:
    """Return the application below ``/v2``, over the routing table as it is at each call."""
    doors = ServerWide(table)
    routes = [
        Route("/repository/index", doors.index, methods=["POST"]),
        Route("/repository/models/{name}/load", doors.load, methods=["POST"]),
        Route("/repository/models/{name}/unload", doors.unload, methods=["POST"]),
        Route("/{kind:str}sharedmemory/status", doors.regions),
        Route("/{kind:str}sharedmemory/region/{name}/status", doors.region),
        Route("/{kind:str}sharedmemory/region/{name}/register", doors.register, methods=["POST"]),
        Route("/{kind:str}sharedmemory/region/{name}/unregister", doors.unregister, methods=["POST"]),
        Route("/{kind:str}sharedmemory/unregister", doors.unregister, methods=["POST"]),
        Route("/trace/setting", doors.trace, methods=["GET", "POST"]),
        Route("/logging", doors.log, methods=["GET", "POST"]),
        Route("/models/stats", doors.statistics),
    ]
    app = Starlette(routes=routes, exception_handlers={HTTPException: _refused, ScoringError: _refused_as_there})
    app.router.redirect_slashes = False
    return app


class ServerWide:
    def __init__(self, table: Callable[[], RoutingTable]) -> None:
        self._table = table

    async def index(self, request: Request) -> Response:
        opened = self._opened(request)
        asked = await _read(request, _IndexRequest, '{"ready": true}')
        entries = index(opened, self._table())
        return _json([entry for entry in entries if not asked.ready or entry.state is ModelState.READY])

    async def load(self, request: Request) -> Response:
        """Do nothing for an endpoint that is there, as its scoring processes do."""
        name = self._named(request, "load")
        refuse_contents(name, (await _read(request, _LoadRequest, '{"parameters": {}}')).parameters or {})
        return Response()

    async def unload(self, request: Request) -> Response:
        raise HTTPException(400, f"failed to unload '{self._named(request, 'unload')}': {_INSTEAD}")

    async def regions(self, request: Request) -> Response:
        return _json([])  # shared memory is off: nothing is ever registered

    async def region(self, request: Request) -> Response:
        raise no_region(request.path_params["name"])

    async def register(self, request: Request) -> Response:
        raise Unsupported(NO_SHARED_MEMORY)

    async def unregister(self, request: Request) -> Response:
        return Response()  # perf_analyzer does, before it begins

    async def trace(self, request: Request) -> Response:
        return await _settings(request, TRACE)

    async def log(self, request: Request) -> Response:
        return await _settings(request, LOG)

    async def statistics(self, request: Request) -> Response:
        raise HTTPException(
            400, "statistics are kept for each endpoint: use GET /v2/models/NAME/stats, or `slipway requests NAME`"
        )

    def _opened(self, request: Request) -> list[EndpointRoute]:
        """Return the endpoints that the caller's key opens, or refuse."""
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        now_ms = time.time_ns() // 1_000_000
        routes = opened_by(key.strip(), self._table(), now_ms) if scheme.lower() == "bearer" else []
        if not routes:
            raise HTTPException(401, "a valid key is needed: send Authorization: Bearer KEY")
        return routes

    def _named(self, request: Request, verb: str) -> str:
        """Return the endpoint's name, or refuse who has no key for it."""
        name = str(request.path_params["name"])
        if name.lower() not in {route.name.lower() for route in self._opened(request)}:
            raise HTTPException(404, f"failed to {verb} '{name}': this key opens no such endpoint")
        return name


_INSTEAD = (
    "an endpoint serves what was deployed to it: use `slipway deployment create` or `slipway deployment delete`, and"
    " `slipway endpoint update --traffic`"
)


async def _settings(request: Request, settings: Settings) -> Response:
    if request.method == "POST":
        refuse_changes(settings, await _read(request, dict[str, Any], "an object of settings"))
    return _json(settings)


async def _read(request: Request, kind: type[_Body], example: str) -> _Body:
    """Read a JSON object; no body is an empty one."""
    body = b""
    async for part in request.stream():  # anybody may send one
        body += part
        if len(body) > MAX_BODY_BYTES:
            raise HTTPException(413, f"the body is over {MAX_BODY_BYTES} bytes")
    try:
        return msgspec.json.decode(body.strip() or b"{}", type=kind)
    except (ValueError, RecursionError, msgspec.MsgspecError) as error:
        raise HTTPException(400, f"the body must be empty or {example}: {error}") from error


def _json(document: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(document), status, media_type="application/json")


async def _refused(request: Request, error: Exception) -> Response:
    """Word an error as every client of the protocol reads it."""
    assert isinstance(error, HTTPException)
    message = f"there is nothing at {request.url.path}" if error.detail == "Not Found" else error.detail
    response = _json({"error": message}, error.status_code)
    response.headers.update(error.headers or {})
    return response


async def _refused_as_there(request: Request, error: Exception) -> Response:
    """Word what a scoring process would refuse."""
    assert isinstance(error, ScoringError)
    return _json({"error": error.message}, HTTP_STATUS[error.code])
