"""Tags of images: move them, tell what they meant, compare what they mean."""

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from registry.api.imaging.images import works_of
from registry.api.route import At, answer, nothing, read_query, read_record, workspace_of
from registry.core.imaging.image_views import ImageChange, ImageHistory, ImageTag, PairToCompare
from registry.operations.imaging import image_diff, image_tags


async def tag_image(request: Request) -> Response:
    """Point a tag at an image."""
    wanted = await read_record(request, ImageTag)
    return answer(await run_sync(image_tags.tag_image, workspace_of(request), wanted.reference, wanted.tag))


async def untag_image(request: Request) -> Response:
    """Take a tag away, by NAME:TAG."""
    await run_sync(image_tags.untag_image, workspace_of(request), request.path_params["reference"])
    return nothing()


async def change_image(request: Request) -> Response:
    """Change an image's labels or description."""
    change = await read_record(request, ImageChange)
    reference = request.path_params["reference"]
    return answer(await run_sync(image_tags.change_image, workspace_of(request), reference, change))


async def get_history(request: Request) -> Response:
    """Tell what each tag meant, and who moved it."""
    at, name = read_query(request, At), request.path_params["name"]
    moves = await run_sync(image_tags.get_history, workspace_of(request), name, at.at_ms)
    return answer(ImageHistory(name=name, moves=moves))


async def compare_images(request: Request) -> Response:
    """Compare two images: settings, packages, layers and files."""
    pair = read_query(request, PairToCompare)
    layout = works_of(request).layout
    return answer(await run_sync(image_diff.compare, workspace_of(request), layout, pair.a, pair.b))
