"""Deleting the whole workspace."""

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from registry.api.imaging.images import works_of
from registry.api.route import answer, read_record, workspace_of
from registry.core.workspace_deletion import DeletionOrder
from registry.operations.security.caller import who
from registry.operations.upkeep import workspace_deletion


async def preview(request: Request) -> Response:
    """Say what would go with the workspace, and what refuses to."""
    return answer(await run_sync(workspace_deletion.preview, workspace_of(request), works_of(request).layout))


async def perform(request: Request) -> Response:
    """Delete everything in the workspace; its name confirms it."""
    order = await read_record(request, DeletionOrder)
    arguments = (workspace_of(request), works_of(request).layout, order.confirm, who())
    return answer(await run_sync(workspace_deletion.start_deletion, *arguments), 202)
