"""Runs as people look at them; MLflow's doors are what writes them."""

from typing import Annotated

import msgspec
from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from registry.api.route import answer, nothing, read_query, read_record, workspace_of
from registry.core.tracking.run_code import NewRunCode
from registry.core.tracking.run_views import RunList
from registry.operations.modelling import lineage
from registry.operations.tracking import run_code, run_diff, run_views, tracking


class RunQuery(msgspec.Struct, frozen=True, kw_only=True):
    """``filter`` and ``order_by`` (orders apart by commas) are MLflow's; ``experiment`` is a name."""

    experiment: str | None = None
    filter: str = ""
    order_by: str = ""
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 100


class DatasetQuery(msgspec.Struct, frozen=True, kw_only=True):
    """A dataset, by the digest that runs logged it under."""

    digest: str


async def list_runs(request: Request) -> Response:
    """List active runs, the newest first."""
    query = read_query(request, RunQuery)
    orders = [order.strip() for order in query.order_by.split(",") if order.strip()]

    def look() -> RunList:
        found = run_views.list_runs(workspace_of(request), query.experiment, query.filter, orders, query.limit)
        return RunList(runs=found)

    return answer(await run_sync(look))


async def get_run(request: Request) -> Response:
    """Show a run, by its id or the beginning of it."""
    return answer(await run_sync(run_views.get_details, workspace_of(request), request.path_params["run"]))


async def compare_runs(request: Request) -> Response:
    """Compare two runs: params, metrics, tags, code, git, environment and files."""
    names = request.path_params
    return answer(await run_sync(run_diff.compare, workspace_of(request), names["run"], names["other"]))


async def record_code(request: Request) -> Response:
    """Keep what a run was made from: snapshot, git state, environment; each once."""
    new = await read_record(request, NewRunCode)
    return answer(await run_sync(run_code.record_code, workspace_of(request), request.path_params["run"], new))


async def get_code(request: Request) -> Response:
    """Tell what a run was made from."""
    return answer(await run_sync(run_code.get_code, workspace_of(request), request.path_params["run"]))


async def get_dataset_lineage(request: Request) -> Response:
    """Tell which runs read a dataset, and which versions, images and deployments came of them."""
    query = read_query(request, DatasetQuery)
    return answer(await run_sync(lineage.get_dataset_lineage, workspace_of(request), query.digest))


async def delete_run(request: Request) -> Response:
    """Mark a run deleted."""
    await run_sync(tracking.delete_run, workspace_of(request), request.path_params["run"])
    return nothing()


async def restore_run(request: Request) -> Response:
    """Mark a deleted run active again."""
    await run_sync(tracking.restore_run, workspace_of(request), request.path_params["run"])
    return nothing()
