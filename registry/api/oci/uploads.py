"""Blobs on their way in: in one request, in two, or in as many as the client likes.

What a request that breaks off has brought stays, and the client can ask how much it is and go on from there.
"""

import re
from collections.abc import AsyncIterator

import msgspec
from anyio import CancelScope, fail_after
from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from registry.api.imaging.images import works_of
from registry.api.oci.manifests import DIGEST_HEADER
from registry.api.route import read_some
from registry.core.errors import NotFound
from registry.core.imaging.pushes import InvalidChunk, WrongPlace
from registry.core.names import DIGEST, check_name
from registry.images.pack import CHUNK_BYTES
from registry.images.pushed.uploads import Upload, Uploads

STALLED_S = 60.0
_RANGE = re.compile(r"(?:bytes[ =])?(\d{1,18})-(\d{1,18})(?:/(?:\d{1,18}|\*))?\Z", re.ASCII)


class Beginning(msgspec.Struct, frozen=True):
    """Query of a new upload: the digest of its body, or of a blob that some repository may have already."""

    digest: str | None = None
    mount: str | None = None


class Ending(msgspec.Struct, frozen=True):
    digest: str = ""  # without it, it is refused as one


def uploads_of(request: Request) -> Uploads:
    """Return the uploads of this application's images."""
    uploads = request.app.state.uploads
    assert isinstance(uploads, Uploads)
    return uploads


async def begin(request: Request) -> Response:
    """Begin an upload; with ``digest`` the body is all of it, with ``mount`` it may be here already."""
    name, uploads = check_name("image", request.path_params["name"]), uploads_of(request)
    query = read_some(request, Beginning)
    if query.digest is not None:
        check_name("digest", query.digest)
    elif query.mount is not None and DIGEST.match(query.mount) and await run_sync(_mount, request, query.mount):
        return _created(name, query.mount)
    upload = await run_sync(uploads.begin)
    if query.digest is None:
        return _progress(202, name, upload, 0)
    try:
        return await _finish(request, name, upload, query.digest)
    except BaseException:
        with CancelScope(shield=True):
            await run_sync(_forget, uploads, upload)
        raise


async def show(request: Request) -> Response:
    """Tell how much of an upload is here."""
    name, upload = check_name("image", request.path_params["name"]), request.path_params["upload"]
    return _progress(204, name, upload, await run_sync(uploads_of(request).size, upload))


async def go_on(request: Request) -> Response:
    """Add to an upload, at its end."""
    name, upload = check_name("image", request.path_params["name"]), request.path_params["upload"]
    opened = await run_sync(uploads_of(request).open, upload)
    try:
        await _receive(request, opened)
        return _progress(202, name, upload, opened.size)
    finally:
        with CancelScope(shield=True):
            await run_sync(opened.close)


async def finish(request: Request) -> Response:
    """Add the last part, if the body has one, and make the upload a blob of this ``digest``."""
    name, upload = check_name("image", request.path_params["name"]), request.path_params["upload"]
    digest = check_name("digest", read_some(request, Ending).digest)
    return await _finish(request, name, upload, digest)


async def cancel(request: Request) -> Response:
    """Forget an upload."""
    check_name("image", request.path_params["name"])
    await run_sync(uploads_of(request).cancel, request.path_params["upload"])
    return Response(status_code=204)


async def _finish(request: Request, name: str, upload: str, digest: str) -> Response:
    opened = await run_sync(uploads_of(request).open, upload)
    try:
        await _receive(request, opened)
        await run_sync(opened.commit, digest)
    finally:
        with CancelScope(shield=True):
            await run_sync(opened.close)
    return _created(name, digest)


async def _receive(request: Request, upload: Upload) -> None:
    """Write a request's body as it arrives, a megabyte of it in memory at most."""
    length = _check_place(request, upload.size)
    if length:
        await run_sync(upload.check_room, length)
    buffer, size = bytearray(), upload.size
    try:
        async for chunk in _pieces(request):
            buffer += chunk
            if len(buffer) >= CHUNK_BYTES:
                full, buffer = buffer, bytearray()
                await run_sync(upload.write, full)
    finally:
        if buffer:  # also of a client that went away: it goes on from there
            with CancelScope(shield=True):
                await run_sync(upload.write, buffer)
    announced = _announced(request)
    if announced is not None and upload.size - size != announced:
        raise InvalidChunk(f"the Content-Range has {announced} bytes, and the body had {upload.size - size}")


async def _pieces(request: Request) -> AsyncIterator[bytes]:
    """Give a body's pieces as they come. Raises InvalidChunk when none comes for too long: others want the place."""
    stream = request.stream()
    while True:
        try:
            with fail_after(STALLED_S):
                chunk = await anext(stream, None)
        except TimeoutError as error:
            raise InvalidChunk(
                f"nothing came for {STALLED_S:g} s: ask how much is here, and go on from there"
            ) from error
        if chunk is None:
            return
        yield chunk


def _check_place(request: Request, size: int) -> int | None:
    """Return the bytes that the request says it has. Raises WrongPlace if they do not begin at ``size``."""
    length = request.headers.get("content-length", "")
    header = request.headers.get("content-range")
    if header is not None:
        match = _RANGE.match(header)
        start = int(match[1]) if match else -1
        if start != size:
            raise WrongPlace(f"the next byte wanted is {size}, and Content-Range is {header!r}", offset=size)
    return int(length) if length.isascii() and length.isdecimal() and len(length) < 19 else None


def _announced(request: Request) -> int | None:
    match = _RANGE.match(request.headers.get("content-range", ""))
    return int(match[2]) - int(match[1]) + 1 if match else None


def _mount(request: Request, digest: str) -> bool:
    """Say whether a blob is here; then it stays until the manifest that needs it comes, as one that was uploaded."""
    try:
        works_of(request).layout.refresh(digest)
    except (NotFound, FileNotFoundError):  # it may be deleted between the two looks that this takes
        return False
    return True


def _forget(uploads: Uploads, upload: str) -> None:
    try:
        uploads.cancel(upload)
    except NotFound:
        return  # it is gone already


def _progress(status: int, name: str, upload: str, size: int) -> Response:
    headers = {
        "location": f"/v2/{name}/blobs/uploads/{upload}",
        "range": f"0-{max(size - 1, 0)}",
        "docker-upload-uuid": upload,
    }
    return Response(status_code=status, headers=headers)


def _created(name: str, digest: str) -> Response:
    headers = {"location": f"/v2/{name}/blobs/{digest}", DIGEST_HEADER: digest}
    return Response(status_code=201, headers=headers)
