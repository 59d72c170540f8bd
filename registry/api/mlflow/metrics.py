"""MLflow's histories of metrics."""

from collections.abc import Sequence
from typing import Any

import msgspec
from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from registry.api.mlflow import wire
from registry.api.route import answer, workspace_of
from registry.core.errors import InvalidInput
from registry.core.tracking.search import decode_page_token
from registry.operations.tracking import metrics

SAMPLED = 320


class GetHistory(msgspec.Struct, frozen=True, kw_only=True):
    run_id: str
    metric_key: str
    max_results: int = metrics.MAX_POINTS
    page_token: str = ""


class GetHistories(msgspec.Struct, frozen=True, kw_only=True):
    run_id: list[str] = []
    metric_key: str
    max_results: int = metrics.MAX_POINTS


class SampleHistories(msgspec.Struct, frozen=True, kw_only=True):
    run_ids: list[str] = []
    metric_key: str
    start_step: wire.Int64 | None = None
    end_step: wire.Int64 | None = None
    max_results: int = SAMPLED


async def get_history(request: Request) -> Response:
    """Show a metric's history, page by page."""
    wanted = wire.read_params(request, GetHistory)

    def read() -> Response:
        limit, offset = wire.page_size(wanted.max_results, metrics.MAX_POINTS), decode_page_token(wanted.page_token)
        points, after = metrics.get_history(workspace_of(request), wanted.run_id, wanted.metric_key, limit, offset)
        return answer(wire.page("metrics", [wire.metric_json(point) for point in points], after))

    return await run_sync(read)


async def get_histories(request: Request) -> Response:
    """Show a metric's history in several runs."""
    wanted = wire.read_params(request, GetHistories)

    def read() -> Response:
        limit = wire.page_size(wanted.max_results, metrics.MAX_POINTS)
        return _answer(metrics.get_histories(workspace_of(request), wanted.run_id, wanted.metric_key, limit))

    return await run_sync(read)


async def sample_histories(request: Request) -> Response:
    """Show points of a metric's history in several runs, at evenly spaced steps."""
    wanted = wire.read_params(request, SampleHistories)

    def read() -> Response:
        count, steps = wire.page_size(wanted.max_results, metrics.MAX_SAMPLED), _steps(wanted)
        found = metrics.sample_histories(workspace_of(request), wanted.run_ids, wanted.metric_key, steps, count)
        return _answer(found)

    return await run_sync(read)


def _steps(wanted: SampleHistories) -> tuple[int, int] | None:
    match wanted.start_step, wanted.end_step:
        case None, None:
            return None
        case int(start), int(end):
            return start, end
        case _:
            raise InvalidInput("If either start step or end step are specified, both must be specified.")


def _answer(histories: Sequence[metrics.RunHistory]) -> Response:
    points: list[dict[str, Any]] = [
        {**wire.metric_json(point), "run_id": run_id} for run_id, found in histories for point in found
    ]
    return answer({"metrics": points})
