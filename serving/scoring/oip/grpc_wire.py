"""gRPC messages as bytes: decompressed within bounds, parsed, and errors worded for trailers.

Servers take compressed messages as they come (``RAW_MESSAGES``): grpc before 1.80 decompresses whatever was sent and
compares its size with the limit afterwards, so that a megabyte took a gigabyte.
"""

from __future__ import annotations

import asyncio
import zlib
from typing import Any

from google.protobuf.message import DecodeError

from ..errors import InvalidInput, TooLarge

RAW_MESSAGES = ("grpc.per_message_decompression", 0)
MAX_TRAILER_BYTES = 2000  # a client refuses more than 8 KiB of them, and a byte may become three
# The first byte of gzip, and of zlib with grpc's window. As tags of a message's field they are none of ours, and the
# first none at all.
_COMPRESSED = (b"\x1f", b"\x78")
_EITHER = zlib.MAX_WBITS | 32  # gzip or zlib, by its header


async def received(message: bytes, kind: Any, max_bytes: int) -> Any:
    """Read a message of ``kind``, compressed or not.

    Raises:
        InvalidInput: it is none.
        TooLarge: decompressed it has more than ``max_bytes``.
    """
    return parsed(await inflated(message, max_bytes), kind)


async def inflated(message: bytes, max_bytes: int) -> bytes:
    """Undo a compression on a thread. Raises as ``decompressed``."""
    if message[:1] not in _COMPRESSED:
        return message
    return await asyncio.get_running_loop().run_in_executor(None, decompressed, message, max_bytes)


def parsed(message: bytes, kind: Any) -> Any:
    """Read an uncompressed message of ``kind``. Raises InvalidInput: it is none."""
    try:
        return kind.FromString(message)
    except DecodeError as error:
        raise InvalidInput(f"the message is no {kind.DESCRIPTOR.name}: {error}") from error


def decompressed(message: bytes, max_bytes: int) -> bytes:
    """Undo gzip or deflate; what is neither comes back as it is.

    Raises:
        InvalidInput: it breaks off.
        TooLarge: it has more than ``max_bytes``; no more than that is held.
    """
    if message[:1] not in _COMPRESSED:
        return message
    reader = zlib.decompressobj(_EITHER)
    try:
        content = reader.decompress(message, max_bytes)
    except zlib.error as error:
        if message[:1] == _COMPRESSED[0]:
            raise InvalidInput(f"the message cannot be decompressed: {error}") from error
        return message
    if reader.eof:
        return content
    if len(content) >= max_bytes:
        raise TooLarge(max_bytes)
    raise InvalidInput("the compressed message breaks off")


def short(message: str) -> str:
    """Cut a message so that it fits in trailers however it is escaped there."""
    return message.encode()[:MAX_TRAILER_BYTES].decode("utf-8", "ignore")
