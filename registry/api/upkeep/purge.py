"""Deleting for good."""

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from registry.api.route import answer, read_query, read_record, workspace_of
from registry.core.purge import PurgeOrder
from registry.operations.upkeep import purge


async def preview(request: Request) -> Response:
    """Say what would be deleted for good, and what refuses to."""
    order = read_query(request, PurgeOrder)
    return answer(await run_sync(purge.preview, workspace_of(request), order.older_than_days))


async def perform(request: Request) -> Response:
    """Delete for good what was deleted before."""
    order = await read_record(request, PurgeOrder)
    return answer(await run_sync(purge.purge, workspace_of(request), order.older_than_days))
