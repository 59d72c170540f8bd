"""The HTTP door of telemetry: all its routes. Decodes, calls, encodes; decides nothing."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Generic, TypeVar

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from registry.core.errors import HTTP_STATUS, InvalidInput, NotFound, SlipwayError
from serving.telemetry.ingest import GroupCommit
from serving.telemetry.metrics import CopyCounts
from serving.telemetry.mirror_report import ComparisonsTable, ReportQuery
from serving.telemetry.query import RequestsTable, RowsQuery, SummaryQuery

MAX_BODY_BYTES = 16 << 20

Lifespan = Callable[[Starlette], AbstractAsyncContextManager[None]]
Query = TypeVar("Query", bound=msgspec.Struct)
Table = TypeVar("Table")


class Kept(Generic[Table]):
    """One table: how its lines come in, and what answers questions about its rows."""

    def __init__(self, ingest: GroupCommit, table: Table) -> None:
        self.ingest = ingest
        self.table = table


def build_app(
    requests: Kept[RequestsTable], comparisons: Kept[ComparisonsTable], lifespan: Lifespan | None = None
) -> Starlette:
    """Return the application; ``lifespan`` runs what lives beside it."""
    door = Door(requests, comparisons)
    return Starlette(
        routes=[
            Route("/v1/requests", door.receive, methods=["POST"]),
            Route("/v1/requests", door.rows, methods=["GET"]),
            Route("/v1/summary", door.summary, methods=["GET"]),
            Route("/v1/comparisons", door.receive_comparisons, methods=["POST"]),
            Route("/v1/mirror-report", door.mirror_report, methods=["GET"]),
            Route("/metrics", door.metrics, methods=["GET"]),
            Route("/v1/integrity", door.integrity, methods=["GET"]),
            Route("/health", door.health, methods=["GET"]),
        ],
        exception_handlers={
            SlipwayError: _error,
            HTTPException: _no_such_route,
            ClientDisconnect: _gone,
            Exception: _our_fault,
        },
        lifespan=lifespan,
    )


class Door:
    def __init__(self, requests: Kept[RequestsTable], comparisons: Kept[ComparisonsTable]) -> None:
        self._ingest = requests.ingest
        self._table = requests.table
        self._comparisons = comparisons
        self._copies = CopyCounts()

    async def receive(self, request: Request) -> Response:
        """Answer 204 when the lines are durable; 503 when they are not and are to be sent again."""
        if lines := await _read_lines(request):
            await self._ingest.store(lines)
        return Response(status_code=204)

    async def receive_comparisons(self, request: Request) -> Response:
        """As ``receive``."""
        if lines := await _read_lines(request):
            await self._comparisons.ingest.store(lines)
            self._copies.count(lines)
        return Response(status_code=204)

    async def mirror_report(self, request: Request) -> Response:
        query = _query(request.query_params, ReportQuery)
        return _json(await asyncio.to_thread(self._comparisons.table.report, query))

    async def metrics(self, request: Request) -> Response:
        return Response(self._copies.exposition(), media_type=CONTENT_TYPE_LATEST)

    async def rows(self, request: Request) -> Response:
        query = _query(request.query_params, RowsQuery)
        return _json({"rows": await asyncio.to_thread(self._table.rows, query)})

    async def summary(self, request: Request) -> Response:
        query = _query(request.query_params, SummaryQuery)
        return _json({"rows": await asyncio.to_thread(self._table.summary, query)})

    async def integrity(self, request: Request) -> Response:
        return _json(await asyncio.to_thread(self._table.integrity))

    async def health(self, request: Request) -> Response:
        return _json({"status": "ok"})


async def _read_lines(request: Request) -> bytes:
    body = await _read_body(request)
    if body and not body.endswith(b"\n"):
        raise InvalidInput("the body ends within a line: each line ends with a newline")
    return body


async def _read_body(request: Request) -> bytes:
    chunks: list[bytes] = []
    size = 0
    stream: AsyncIterator[bytes] = request.stream()
    async for chunk in stream:
        size += len(chunk)
        if size > MAX_BODY_BYTES:
            raise InvalidInput(f"the body is larger than {MAX_BODY_BYTES} bytes: send fewer lines at once")
        chunks.append(chunk)
    return b"".join(chunks)


def _query(parameters: Mapping[str, str], kind: type[Query]) -> Query:
    try:
        return msgspec.convert(dict(parameters), kind, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidInput(str(error)) from error


def _json(value: Any) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")


async def _error(request: Request, error: Exception) -> Response:
    assert isinstance(error, SlipwayError)
    return _error_response(request, error, HTTP_STATUS[error.code])


async def _no_such_route(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _error_response(request, NotFound(f"{request.method} {request.url.path}: {error.detail}"), error.status_code)


async def _gone(request: Request, error: Exception) -> Response:
    """An agent went away within its post, which it sends again: nobody reads this."""
    return Response(status_code=499)


async def _our_fault(request: Request, error: Exception) -> Response:
    return _error_response(request, SlipwayError("telemetry failed; its log says why"), 500)


def _error_response(request: Request, error: SlipwayError, status: int) -> Response:
    request_id = request.headers.get("x-request-id") or uuid.uuid4().hex
    body = {"code": error.code, "message": error.message, "details": error.details, "request_id": request_id}
    return Response(
        msgspec.json.encode({"error": body}),
        status_code=status,
        headers={"x-request-id": request_id},
        media_type="application/json",
    )
