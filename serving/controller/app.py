"""The controller's HTTP doors, all on one screen."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route

from serving.controller.board import Board
from serving.controller.logs import LogsAway, tail
from serving.controller.metrics import exposition
from serving.controller.reconcile import Reconciler
from serving.controller.server_wide import server_wide
from serving.wire.replica import ReplicaReport

MAX_WAIT_S = 30.0
MAX_LINES = 10_000


def create_app(
    reconciler: Reconciler,
    board: Board,
    logs: Path,
    monotonic_s: Callable[[], float],
    lifespan: Callable[[Starlette], AbstractAsyncContextManager[None]],
) -> Starlette:
    """Return the application over a running reconciler; ``logs`` is the folder of the scoring processes' logs."""
    doors = Doors(reconciler, board, logs, monotonic_s)
    return Starlette(
        routes=[
            Route("/health", doors.health),
            Route("/metrics", doors.metrics),
            Route("/v1/replicas", doors.replicas),
            Route("/v1/replicas/{replica}", doors.report, methods=["POST"]),
            Route("/v1/routing", doors.routing),
            Route("/v1/obeyed", doors.obeyed),
            Route("/v1/logs/{endpoint}/{deployment}", doors.logs),
            Mount("/v2", server_wide(lambda: board.table)),
        ],
        lifespan=lifespan,
        exception_handlers={HTTPException: _http_error, ClientDisconnect: _gone},
    )


class Doors:
    def __init__(self, reconciler: Reconciler, board: Board, logs: Path, monotonic_s: Callable[[], float]) -> None:
        self._reconciler = reconciler
        self._board = board
        self._logs = logs
        self._now_s = monotonic_s

    async def health(self, request: Request) -> Response:
        ready = self._reconciler.cluster_ready and self._reconciler.desired is not None
        body = {
            "status": "ok" if ready else "starting",
            "cluster": "connected" if self._reconciler.cluster_ready else "away",
            "routing_generation": self._board.table.generation,
            "agents": self._reconciler.agents.generations(self._now_s()),
        }
        return _json(body, 200 if ready else 503)

    async def metrics(self, request: Request) -> Response:
        return Response(exposition(self._reconciler.directory.all(), self._board.table), media_type=CONTENT_TYPE_LATEST)

    async def replicas(self, request: Request) -> Response:
        return _json({"replicas": self._reconciler.directory.all()})

    async def report(self, request: Request) -> Response:
        try:
            report = msgspec.json.decode(await request.body(), type=ReplicaReport)
        except msgspec.MsgspecError as error:
            raise HTTPException(400, f"not a replica report: {error}") from error
        if report.replica != request.path_params["replica"]:
            raise HTTPException(400, "the report names another replica than the path")
        return _json({"released": self._reconciler.hear(report)})

    async def routing(self, request: Request) -> Response:
        generation = _number(request, "after", -1, float("inf"))
        wait_s = _number(request, "wait_s", 0, MAX_WAIT_S)
        if agent := request.query_params.get("agent"):
            await self._reconciler.settling.acknowledge(agent, int(generation))
        return _json(await self._board.newer_than(int(generation), wait_s))

    async def obeyed(self, request: Request) -> Response:
        version = int(_number(request, "version", 0, float("inf")))
        return _json(await self._reconciler.settling.obeyed(version, _number(request, "wait_s", 0, MAX_WAIT_S)))

    async def logs(self, request: Request) -> Response:
        endpoint, deployment = request.path_params["endpoint"], request.path_params["deployment"]
        lines = int(_number(request, "lines", 100, MAX_LINES))
        try:
            text = await asyncio.to_thread(tail, self._logs, endpoint, deployment, lines)
        except LogsAway as error:
            raise HTTPException(404, str(error)) from error
        return PlainTextResponse(text)


def _number(request: Request, name: str, default: float, most: float) -> float:
    text = request.query_params.get(name)
    try:
        return min(float(text), most) if text else default
    except ValueError as error:
        raise HTTPException(400, f"{name} must be a number, not {text!r}") from error


def _json(body: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json")


async def _gone(request: Request, error: Exception) -> Response:
    """Whoever asked went away in the middle of it, as a supervisor does that is killed: nobody reads this."""
    return Response(status_code=499)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = {400: "invalid_input", 404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "internal_error")
    return _json({"error": {"code": code, "message": error.detail}}, error.status_code)
