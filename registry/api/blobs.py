"""Blobs by digest: streamed in and out."""

from anyio import CancelScope
from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from registry.api.download import send
from registry.api.route import answer, workspace_of
from registry.core.names import check_name
from registry.core.rest import BlobInfo
from registry.store.blobs import CHUNK_BYTES, Blobs, StoredBlob


async def put_blob(request: Request) -> Response:
    """Store a blob under its digest."""
    digest = check_name("digest", request.path_params["digest"])
    stored = await receive(request, workspace_of(request).blobs, digest)
    return answer(BlobInfo(digest=stored.digest, size=stored.size), 201)


async def get_blob(request: Request) -> Response:
    """Read a blob, or a range of it; HEAD tells its size."""
    blobs, digest = workspace_of(request).blobs, request.path_params["digest"]
    return await send(request, blobs, digest, await run_sync(blobs.size, digest))


async def receive(request: Request, blobs: Blobs, expected: str | None = None) -> StoredBlob:
    """Store a request's body as it arrives, a megabyte of it in memory at most; one that breaks off leaves nothing.

    Raises:
        InvalidInput: its digest is not ``expected``.
        Unavailable: the store is away or refuses.
    """
    upload = await run_sync(blobs.upload)
    try:
        buffer = bytearray()
        async for chunk in request.stream():
            buffer += chunk
            if len(buffer) >= CHUNK_BYTES:
                await run_sync(upload.write, bytes(buffer))
                buffer.clear()
        if buffer:
            await run_sync(upload.write, bytes(buffer))
        return await run_sync(upload.commit, expected)
    finally:
        with CancelScope(shield=True):
            await run_sync(upload.close)
