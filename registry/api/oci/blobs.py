"""Blobs that are here: read, or a range of them, and delete."""

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from registry.api.download import send
from registry.api.imaging.images import works_of
from registry.api.oci.manifests import DIGEST_HEADER
from registry.api.route import workspace_of
from registry.core.names import check_name
from registry.operations.imaging.manifests import delete_blob


async def pull(request: Request) -> Response:
    """Read a blob, or a range of it."""
    check_name("image", request.path_params["name"])
    layout, digest = works_of(request).layout, request.path_params["digest"]
    answer = await send(request, layout, digest, await run_sync(layout.size, digest))
    answer.headers[DIGEST_HEADER] = digest
    return answer


async def delete(request: Request) -> Response:
    """Delete a blob that no manifest is made of."""
    name, digest = request.path_params["name"], request.path_params["digest"]
    await run_sync(delete_blob, workspace_of(request), works_of(request).layout, name, digest)
    return Response(status_code=202)
