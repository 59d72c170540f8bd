"""Content codings, gzip and deflate, of requests and answers; bounded, and never long on the event loop."""

from __future__ import annotations

import asyncio
import zlib
from typing import Any, Dict, List, NamedTuple, Tuple, Union

from ..errors import InvalidInput, TooLarge, UnsupportedEncoding
from ..fast_path import leave_fast_path
from .bodies import SMALL_BYTES, Bodies
from .messages import Request, Response

SUPPORTED = "gzip, deflate"
MAX_LAYERS = 2
STEP_BYTES = 256 * 1024  # inflated at a time: the first on the event loop, in 0.5 ms, the others on a thread
ON_LOOP_BYTES = 64 * 1024  # deflated there, in 0.5 ms; what is larger goes to a thread
PAYS_FROM_BYTES = 64 * 1024  # for text, whose reader says that it can decode and not that it wants to
_LEVEL = 1
MAX_ACCEPT = 200  # bytes of a header Accept-Encoding that are looked at
KEPT_WISHES = 256
_NAMES = {"gzip": "gzip", "x-gzip": "gzip", "deflate": "deflate"}
_GZIP_BITS, _ZLIB_BITS, _BARE_BITS = 31, 15, -15


async def decode(request: Request, bodies: Bodies) -> None:
    """Undo the codings that a header Content-Encoding names, the last of them first, and take the header away.

    Raises:
        UnsupportedEncoding: one is unknown, or there are too many.
        InvalidInput: the body is not what the header says, cut short, or more.
        TooLarge, Overloaded: it is more than a body may have when it is decoded, or than there is room for now.
    """
    codings = _codings_of(request.headers.pop(b"content-encoding"))  # who is told of one decodes once more
    for coding in reversed(codings):
        request.body = await _inflated(request, coding, bodies)


async def _inflated(request: Request, coding: str, bodies: Bodies) -> bytes:
    body = memoryview(request.body)
    inflating = zlib.decompressobj(_bits(coding, request.body))
    parts: List[bytes] = []
    size = offset = 0
    data: Union[bytes, memoryview] = b""
    while not inflating.eof:
        full = bool(parts) and len(parts[-1]) == STEP_BYTES  # then more may come of what was fed already
        if not data and not full:
            data, offset = body[offset : offset + STEP_BYTES], offset + STEP_BYTES
            if not data:
                raise InvalidInput(f"the body ends in the midst of its {coding} stream")
        if parts:
            await leave_fast_path()
            part = await asyncio.to_thread(_inflate, inflating, coding, data)
        else:
            part = _inflate(inflating, coding, data)
        data = inflating.unconsumed_tail
        parts.append(part)
        size += len(part)
        if size > bodies.max_bytes:
            raise TooLarge(bodies.max_bytes)
        if size > SMALL_BYTES:
            bodies.take(len(part))
            request.held += len(part)
    left = len(inflating.unused_data) + max(len(body) - offset, 0)
    if left:
        raise InvalidInput(f"{left} bytes are left over after the body's {coding} stream")
    return parts[0] if len(parts) == 1 else b"".join(parts)


class Wish(NamedTuple):
    """The coding a client's Accept-Encoding leads to, or "", and from how many bytes on text and others get it."""

    coding: str
    text_from: int
    other_from: int


_NEVER = 1 << 62
PLAIN = Wish("", _NEVER, _NEVER)


class _Wishes(Dict[bytes, Wish]):
    """By header; clients send few different ones."""

    def __missing__(self, accept: bytes) -> Wish:
        wish = wish_of(accept[:MAX_ACCEPT])
        if len(accept) <= MAX_ACCEPT:
            if len(self) >= KEPT_WISHES:
                self.clear()
            self[accept] = wish
        return wish


WISHES = _Wishes()


def wish_of(accept: bytes) -> Wish:
    """Read a header Accept-Encoding.

    A client that names one coding wants it (tritonclient does so when it is told to). One that names several says what
    its library can decode: of such, text is compressed where that pays.
    """
    weights = _weights(accept.decode("latin-1").lower())
    known = [(weights.get(name, weights.get("*", 0.0)), name) for name in ("gzip", "deflate")]
    weight, coding = max(known, key=lambda pair: pair[0])
    if weight <= 0 or weights.get("identity", 0.0) > weight:
        return PLAIN
    if set(weights) <= {coding, "identity"}:
        return Wish(coding, 1, 1)
    return Wish(coding, PAYS_FROM_BYTES, _NEVER)


async def compress(response: Response, wish: Wish) -> None:
    """Compress an answer if it is one that the wish is for; quickly rather than well, for somebody waits for it."""
    is_text = response.content_type.startswith((b"application/json", b"text/"))
    if len(response.body) < (wish.text_from if is_text else wish.other_from):
        return
    if any(name == b"content-encoding" for name, _ in response.headers):
        return  # a script's own
    if len(response.body) <= ON_LOOP_BYTES:
        response.body = _deflated(response.body, wish.coding)
    else:
        await leave_fast_path()
        response.body = await asyncio.to_thread(_deflated, response.body, wish.coding)
    response.headers.append((b"content-encoding", wish.coding.encode()))


def _codings_of(header: bytes) -> List[str]:
    names = [name.strip().lower() for name in header.decode("latin-1").split(",")]
    names = [name for name in names if name not in ("", "identity")]
    unknown = [name for name in names if name not in _NAMES]
    if unknown:
        raise UnsupportedEncoding(f"Content-Encoding {unknown[0]} is not supported: send {SUPPORTED}, or plain")
    if len(names) > MAX_LAYERS:
        raise UnsupportedEncoding(f"{len(names)} Content-Encodings on one body, and {MAX_LAYERS} are supported")
    return [_NAMES[name] for name in names]


def _bits(coding: str, body: bytes) -> int:
    """Choose how zlib reads; "deflate" is zlib's format by the standard, and the bare stream by some clients."""
    if coding == "gzip":
        return _GZIP_BITS
    is_zlib = len(body) > 1 and body[0] & 15 == 8 and (body[0] << 8 | body[1]) % 31 == 0
    return _ZLIB_BITS if is_zlib else _BARE_BITS


def _inflate(inflating: Any, coding: str, data: Union[bytes, memoryview]) -> bytes:
    try:
        part: bytes = inflating.decompress(data, STEP_BYTES)
        return part
    except zlib.error as error:
        raise InvalidInput(f"the body is not {coding}, as its Content-Encoding says: {error}") from error


def _deflated(body: bytes, coding: str) -> bytes:
    deflating = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP_BITS if coding == "gzip" else _ZLIB_BITS)
    return deflating.compress(body) + deflating.flush()


def _weights(accept: str) -> Dict[str, float]:
    return dict(_weighed(item) for item in accept.split(",") if item.strip())


def _weighed(item: str) -> Tuple[str, float]:
    name, *parameters = (part.strip() for part in item.split(";"))
    weight = 1.0
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip() == "q":
            try:
                weight = min(max(float(value), 0.0), 1.0)
            except ValueError:
                weight = 0.0
    return _NAMES.get(name, name), weight
