"""Calls under ``/v2`` that name no endpoint, which the edges pass on: the model repository, and what is switched off.

The repository is what the caller's key opens, so that nobody learns the names of what he may not ask.
"""

from collections.abc import Callable

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from serving.policy.repository import ModelState, index, opened_by
from serving.wire.routing import EndpointRoute, RoutingTable


class _IndexRequest(msgspec.Struct):
    ready: bool = False


def server_wide(table: Callable[[], RoutingTable]) -> Starlette:
    """Return the application below ``/v2``, over the routing table as it is at each call."""
    doors = ServerWide(table)
    routes = [
        Route("/repository/index", doors.index, methods=["POST"]),
        Route("/repository/models/{name}/load", doors.load, methods=["POST"]),
        Route("/repository/models/{name}/unload", doors.unload, methods=["POST"]),
        Route("/{kind:str}sharedmemory/status", doors.regions),
        Route("/{kind:str}sharedmemory/unregister", doors.unregister, methods=["POST"]),
        Route("/models/stats", doors.statistics),
    ]
    app = Starlette(routes=routes, exception_handlers={HTTPException: _refused})
    app.router.redirect_slashes = False
    return app


class ServerWide:
    def __init__(self, table: Callable[[], RoutingTable]) -> None:
        self._table = table

    async def index(self, request: Request) -> Response:
        body = await request.body()
        try:
            asked = msgspec.json.decode(body, type=_IndexRequest) if body else _IndexRequest()
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise HTTPException(400, f'the body must be empty or {{"ready": true}}: {error}') from error
        entries = index(self._opened(request), self._table())
        return _json([entry for entry in entries if not asked.ready or entry.state is ModelState.READY])

    async def load(self, request: Request) -> Response:
        raise self._refusal(request, "load")

    async def unload(self, request: Request) -> Response:
        raise self._refusal(request, "unload")

    async def regions(self, request: Request) -> Response:
        return _json([])  # shared memory is off: nothing is ever registered

    async def unregister(self, request: Request) -> Response:
        return Response()  # perf_analyzer does, before it begins

    async def statistics(self, request: Request) -> Response:
        raise HTTPException(
            400, "statistics are kept for each endpoint: use GET /v2/models/NAME/stats, or `slipway requests NAME`"
        )

    def _opened(self, request: Request) -> list[EndpointRoute]:
        """Return the endpoints that the caller's key opens, or refuse."""
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        routes = opened_by(key.strip(), self._table()) if scheme.lower() == "bearer" else []
        if not routes:
            raise HTTPException(401, "a valid key is needed: send Authorization: Bearer KEY")
        return routes

    def _refusal(self, request: Request, verb: str) -> HTTPException:
        name = str(request.path_params["name"])
        if name.lower() not in {route.name.lower() for route in self._opened(request)}:
            return HTTPException(404, f"failed to {verb} '{name}': this key opens no such endpoint")
        return HTTPException(400, f"failed to {verb} '{name}': {_INSTEAD}")


_INSTEAD = (
    "an endpoint serves what was deployed to it: use `slipway deployment create` or `slipway deployment delete`, and"
    " `slipway endpoint update --traffic`"
)


def _json(document: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(document), status, media_type="application/json")


async def _refused(request: Request, error: Exception) -> Response:
    """Word an error as every client of the protocol reads it."""
    assert isinstance(error, HTTPException)
    message = f"there is nothing at {request.url.path}" if error.detail == "Not Found" else error.detail
    response = _json({"error": message}, error.status_code)
    response.headers.update(error.headers or {})
    return response
