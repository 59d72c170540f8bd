"""Images: build, list, show. Their bytes travel through the OCI door."""

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from registry.api.route import answer, read_query, read_record, workspace_of
from registry.core.imaging.image_views import ImageQuery
from registry.core.imaging.images import BuildRequest
from registry.core.rest import ImageList
from registry.operations.imaging import catalog, golden
from registry.operations.imaging.image_works import ImageWorks
from registry.operations.imaging.images import start_build


def works_of(request: Request) -> ImageWorks:
    """Return where this application builds and keeps images."""
    works = request.app.state.image_works
    assert isinstance(works, ImageWorks)
    return works


async def list_images(request: Request) -> Response:
    """List images, all or those that the query asks for."""
    query = read_query(request, ImageQuery)
    return answer(ImageList(images=await run_sync(catalog.list_images, workspace_of(request), query)))


async def build_image(request: Request) -> Response:
    """Begin to build an image."""
    wanted = await read_record(request, BuildRequest)
    return answer(await run_sync(start_build, workspace_of(request), works_of(request), wanted), 202)


async def get_image(request: Request) -> Response:
    """Show an image, by NAME:TAG or NAME@DIGEST."""
    return answer(await run_sync(catalog.resolve_image, workspace_of(request), request.path_params["reference"]))


async def get_golden(request: Request) -> Response:
    """Show the answers that an image's samples were given when it was built."""
    reference = request.path_params["reference"]
    return answer(await run_sync(golden.get_golden, workspace_of(request), works_of(request), reference))
