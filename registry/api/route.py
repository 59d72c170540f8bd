"""The shape of a route, and the few things every handler does: read a body or query, find the workspace, answer."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Annotated, Any, TypeVar

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from registry.api.text import check_body
from registry.core.errors import InvalidInput, NotFound
from registry.core.loading import parse_json, to_record
from registry.core.names import VERSION_NUMBER
from registry.operations.workspace import Workspace

Handler = Callable[[Request], Awaitable[Response]]
T = TypeVar("T")

MAX_BODY_BYTES = 4 << 20


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """Query of a long-poll: answer when there is more than ``after``, or after ``wait_s`` seconds."""

    after: int = -1
    wait_s: Annotated[float, msgspec.Meta(ge=0, le=60)] = 0.0


class At(msgspec.Struct, frozen=True, kw_only=True):
    """Query of a history: only what held at this time, in Unix milliseconds."""

    at_ms: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)] | None = None


@dataclass(frozen=True)
class ApiRoute:
    """One call of the workspace API; the OpenAPI document is made of this and of nothing else.

    ``request`` and ``response`` are records of JSON bodies; ``bytes`` or ``str`` mean a raw one. The summary is the
    handler's docstring.
    """

    method: str
    path: str
    handler: Handler
    request: Any = None
    response: Any = None
    status: int = 200
    query: Any = None  # record of the query

    @property
    def summary(self) -> str:
        return (self.handler.__doc__ or "").partition("\n")[0].rstrip(".")

    def route(self) -> Route:
        return Route(self.path, self.handler, methods=[self.method])


def under(prefix: str, routes: list[ApiRoute]) -> list[ApiRoute]:
    """Return the routes with ``prefix`` before their paths."""
    return [replace(route, path=prefix + route.path) for route in routes]


def workspace_of(request: Request) -> Workspace:
    """Return what the application was built around."""
    workspace = request.app.state.workspace
    assert isinstance(workspace, Workspace)
    return workspace


def path_number(request: Request, name: str) -> int:
    """Return a number of the path. Raises NotFound if it is none that anything could have."""
    text = request.path_params[name]
    if not VERSION_NUMBER.match(text):
        raise NotFound(f"there is no {name} {text[:40]!r}")
    return int(text)


async def read_body(request: Request) -> bytes:
    """Return a body of JSON whole.

    Raises:
        HTTPException: 413, as soon as it is more than ``MAX_BODY_BYTES``.
        InvalidInput: a text in it holds a NUL.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise HTTPException(413)
    check_body(body)
    return bytes(body)


async def read_values(request: Request) -> Any:
    """Return the JSON body as plain values. Raises InvalidInput."""
    return parse_json(await read_body(request))


async def read_record(request: Request, record: type[T]) -> T:
    """Return the JSON body as a record; an unknown key is an error. Raises InvalidInput."""
    return to_record(await read_values(request), record)


def read_query(request: Request, record: type[T]) -> T:
    """Return the query as a record. Raises InvalidInput."""
    values = dict(request.query_params)
    known = {field.name for field in msgspec.structs.fields(record)}  # type: ignore[arg-type]
    for name in values:
        if name not in known:
            raise InvalidInput(f"unknown parameter {name!r}; known are {', '.join(sorted(known))}", path=f"?{name}")
    return read_some(request, record)


def read_some(request: Request, record: type[T]) -> T:
    """Return what a record knows of the query; protocols of others ask for parameters to be left alone. As above."""
    try:
        return msgspec.convert(dict(request.query_params), record, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"in the query: {error}") from error


def answer(body: Any, status: int = 200) -> Response:
    """Answer with a record as JSON."""
    return Response(msgspec.json.encode(body), status, media_type="application/json")


def nothing() -> Response:
    """Answer that it is done."""
    return Response(status_code=204)
