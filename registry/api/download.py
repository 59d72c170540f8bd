"""A blob on its way to a client: whole, or the one range that was asked for (RFC 9110, section 14)."""

import re

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from registry.store.blobs import Blobs

BINARY = "application/octet-stream"

# What somebody stored must never be run by a browser as the registry's own page.
DOWNLOAD = {"content-disposition": "attachment", "content-security-policy": "sandbox; default-src 'none'"}

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})\Z", re.ASCII)


async def send(request: Request, blobs: Blobs, digest: str, size: int, media_type: str = BINARY) -> Response:
    """Answer with a blob of ``size`` bytes. Several ranges, and a unit other than bytes, are answered with all of it.

    Raises:
        NotFound: it is not there.
    """
    tag = f'"{digest}"'
    headers = {"etag": tag, "accept-ranges": "bytes", **DOWNLOAD}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    part = wanted_range(request.headers.get("range", ""), size)
    if request.headers.get("if-range", tag) != tag:
        part = None
    if part is None:
        headers["content-length"] = str(size)
        if request.method == "HEAD":
            return Response(headers=headers, media_type=media_type)
        return StreamingResponse(await run_sync(blobs.stream, digest), headers=headers, media_type=media_type)
    start, end = part
    if start >= end:
        return Response(status_code=416, headers={"content-range": f"bytes */{size}"})
    headers |= {"content-length": str(end - start), "content-range": f"bytes {start}-{end - 1}/{size}"}
    chunks = await run_sync(blobs.stream, digest, part)
    return StreamingResponse(chunks, 206, headers=headers, media_type=media_type)


def wanted_range(header: str, size: int) -> tuple[int, int] | None:
    """Return the first byte wanted and the one behind the last; an empty range if there are none such; None for all."""
    match = _RANGE.match(header.replace(" ", ""))
    if match is None or match.group(1) == match.group(2) == "":
        return None
    first, last = match.groups()
    if first == "":  # the last so many
        return max(0, size - int(last)), size
    if last != "" and int(last) < int(first):
        return None
    return int(first), min(size, int(last) + 1) if last else size
