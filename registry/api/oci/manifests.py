"""Manifests and tags: pull, push, list, delete, and what refers to them."""

from typing import Annotated
from urllib.parse import urlencode

import msgspec
from anyio.to_thread import run_sync
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from registry.api.imaging.images import works_of
from registry.api.route import read_some, workspace_of
from registry.api.text import check_body
from registry.core.imaging.images import INDEX_TYPE, Index
from registry.core.imaging.manifests import MAX_MANIFEST_BYTES
from registry.operations.imaging import manifests
from registry.operations.imaging.pushes import push_manifest
from registry.operations.imaging.referrers import referrers

DIGEST_HEADER = "docker-content-digest"


class Page(msgspec.Struct, frozen=True):
    """Query of a list of tags: at most ``n`` of those behind ``last``."""

    n: Annotated[int, msgspec.Meta(ge=0, le=2**31)] | None = None
    last: str = ""


async def get_support(_request: Request) -> Response:
    """Say that the OCI distribution API is spoken here."""
    return JSONResponse({}, headers={"docker-distribution-api-version": "registry/2.0"})


async def pull(request: Request) -> Response:
    """Read a manifest by tag or digest."""
    name, reference = request.path_params["name"], request.path_params["reference"]
    row = await run_sync(manifests.resolve_manifest, workspace_of(request), name, reference)
    content = await run_sync(works_of(request).layout.path(row.digest).read_bytes)
    headers = {DIGEST_HEADER: row.digest, "etag": f'"{row.digest}"'}
    return Response(content, media_type=row.media_type, headers=headers)


async def push(request: Request) -> Response:
    """Keep a manifest, by tag or digest, whose parts have been pushed before."""
    name, reference = request.path_params["name"], request.path_params["reference"]
    content = await _read_manifest(request)
    media_type = request.headers.get("content-type", "")
    layout = works_of(request).layout
    pushed = await run_sync(push_manifest, workspace_of(request), layout, name, reference, content, media_type)
    headers = {"location": f"/v2/{name}/manifests/{pushed.digest}", DIGEST_HEADER: pushed.digest}
    if pushed.subject:
        headers["oci-subject"] = pushed.subject
    return Response(status_code=201, headers=headers)


async def delete(request: Request) -> Response:
    """Delete a tag; or, by digest, a manifest with all its tags."""
    name, reference = request.path_params["name"], request.path_params["reference"]
    remove = manifests.delete_manifest if ":" in reference else manifests.delete_tag
    await run_sync(remove, workspace_of(request), works_of(request).layout, name, reference)
    return Response(status_code=202)


async def list_tags(request: Request) -> Response:
    """List a repository's tags by their characters, in pages if ``n`` is given."""
    name, page = request.path_params["name"], read_some(request, Page)
    found = await run_sync(lambda: manifests.list_tags(workspace_of(request), name, after=page.last))
    tags = found[: page.n]
    headers = {}
    if tags and len(tags) < len(found):
        headers["link"] = f'</v2/{name}/tags/list?{urlencode({"n": len(tags), "last": tags[-1]})}>; rel="next"'
    return JSONResponse({"name": name, "tags": tags}, headers=headers)


async def list_referrers(request: Request) -> Response:
    """List what is attached to a manifest, of one type if ``artifactType`` is given."""
    name, digest = request.path_params["name"], request.path_params["digest"]
    wanted = request.query_params.get("artifactType")
    found = await run_sync(referrers, workspace_of(request), name, digest, wanted)
    headers = {} if wanted is None else {"oci-filters-applied": "artifactType"}
    return Response(msgspec.json.encode(Index(manifests=found)), media_type=INDEX_TYPE, headers=headers)


async def _read_manifest(request: Request) -> bytes:
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > MAX_MANIFEST_BYTES:
            raise HTTPException(413, f"a manifest has at most {MAX_MANIFEST_BYTES:,} bytes")
    check_body(content)
    return bytes(content)
