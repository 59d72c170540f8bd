"""The pull half of the OCI distribution API (specification 1.1): skopeo, podman, crane and our own nodes read it."""

import msgspec
from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from registry.api.images import works_of
from registry.api.route import workspace_of
from registry.core.errors import Forbidden, InvalidInput, NotFound, SlipwayError, Unauthenticated
from registry.core.images import INDEX_TYPE, Index
from registry.core.names import check_name
from registry.operations.catalog import list_images
from registry.operations.manifests import resolve_manifest
from registry.operations.referrers import referrers

_DIGEST_HEADER = "docker-content-digest"


async def get_support(_request: Request) -> Response:
    """Say that the OCI distribution API is spoken here."""
    return JSONResponse({}, headers={"docker-distribution-api-version": "registry/2.0"})


async def pull_manifest(request: Request) -> Response:
    """Read a manifest by tag or digest."""
    name, reference = request.path_params["name"], request.path_params["reference"]
    row = await run_sync(resolve_manifest, workspace_of(request), name, reference)
    content = await run_sync(works_of(request).layout.path(row.digest).read_bytes)
    headers = {_DIGEST_HEADER: row.digest, "etag": f'"{row.digest}"'}
    return Response(content, media_type=row.media_type, headers=headers)


async def list_referrers(request: Request) -> Response:
    """List what is attached to a manifest, of one type if ``artifactType`` is given."""
    name, digest = request.path_params["name"], request.path_params["digest"]
    wanted = request.query_params.get("artifactType")
    found = await run_sync(referrers, workspace_of(request), name, digest, wanted)
    headers = {} if wanted is None else {"oci-filters-applied": "artifactType"}
    return Response(msgspec.json.encode(Index(manifests=found)), media_type=INDEX_TYPE, headers=headers)


async def list_tags(request: Request) -> Response:
    """List an image's tags."""
    name = check_name("image", request.path_params["name"])
    images = await run_sync(list_images, workspace_of(request))
    tags = sorted(tag for image in images if image.name == name for tag in image.tags)
    if not tags:
        raise NotFound(f"no image has the name {name!r}", name=name)
    return JSONResponse({"name": name, "tags": tags})


async def pull_blob(request: Request) -> Response:
    """Read a blob, or a range of it."""
    check_name("image", request.path_params["name"])
    digest = request.path_params["digest"]
    path = await run_sync(works_of(request).layout.path, digest)
    headers = {_DIGEST_HEADER: digest, "etag": f'"{digest}"'}
    return FileResponse(path, media_type="application/octet-stream", headers=headers)


def oci_body(error: SlipwayError, status: int, _request_id: str) -> tuple[int, bytes]:
    """Write an error as the distribution specification does."""
    match error:
        case NotFound() if "digest" in error.details:
            code = "BLOB_UNKNOWN"
        case NotFound() if "name" in error.details:
            code = "NAME_UNKNOWN"
        case NotFound():
            code = "MANIFEST_UNKNOWN"
        case InvalidInput():
            code = "UNSUPPORTED" if status == 405 else "NAME_INVALID"
        case Unauthenticated():
            code = "UNAUTHORIZED"
        case Forbidden():
            code = "DENIED"
        case _:
            code = "UNKNOWN"
    return status, msgspec.json.encode({"errors": [{"code": code, "message": error.message}]})
