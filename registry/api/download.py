"""A blob on its way to a client: whole, or the one range that was asked for (RFC 9110, section 14)."""

import re
from collections.abc import Iterator
from typing import Protocol
from urllib.parse import quote

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

BINARY = "application/octet-stream"

# What somebody stored must never be run by a browser as the registry's own page.
SANDBOX = "sandbox; default-src 'none'"

_PLAIN_NAME = re.compile(r"[A-Za-z0-9._-]+\Z")
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})\Z", re.ASCII)


class Source(Protocol):
    """Where the bytes are: the store of artifacts, or the layout of images."""

    def stream(self, digest: str, part: tuple[int, int] | None = None) -> Iterator[bytes]: ...


async def send(
    request: Request, blobs: Source, digest: str, size: int, media_type: str = BINARY, name: str = ""
) -> Response:
    """Answer with a blob of ``size`` bytes, to be kept as ``name``. Several ranges, and a unit other than bytes, are
    answered with all of it.

    Raises:
        NotFound: it is not there.
    """
    tag = f'"{digest}"'
    headers = {"etag": tag, "accept-ranges": "bytes"}
    headers |= {"content-disposition": attachment(name), "content-security-policy": SANDBOX}
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


def attachment(name: str) -> str:
    """Return how a browser is told to keep a file and not to show it (RFC 6266); "" leaves it the address's name."""
    if not name:
        return "attachment"
    return f"attachment; filename={name}" if _PLAIN_NAME.match(name) else f"attachment; filename*=UTF-8''{quote(name)}"


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
