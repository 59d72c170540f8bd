"""Giving back what no revision and no tag refers to."""

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from registry.api.imaging.images import works_of
from registry.api.route import answer, read_query, read_record, workspace_of
from registry.core.imaging.image_prune import PruneOrder
from registry.operations.imaging import image_prune


async def preview(request: Request) -> Response:
    """Say which manifests would go, and what that would free."""
    order = read_query(request, PruneOrder)
    return answer(await run_sync(image_prune.preview, workspace_of(request), works_of(request).layout, order))


async def perform(request: Request) -> Response:
    """Delete what no revision and no tag refers to."""
    order = await read_record(request, PruneOrder)
    return answer(await run_sync(image_prune.prune, workspace_of(request), works_of(request).layout, order))
