"""The lines in a ring's backing file, which outlives its HAProxy. Knows HAProxy 2.8's layout and nothing of a line.

The file is ``struct ring`` (size, area, data, head: four words of the buffer first) and then the buffer itself, which
holds for each message one byte (its readers), its length as HAProxy's varint, and the text; a last byte ends it.
"""

import struct
from pathlib import Path

_HEADER = struct.Struct("=QQQQ")
_PAGE = 4096


def lines_in(path: Path, last: bytes = b"") -> bytes:
    """Return the lines, oldest first, each ended by a newline; only those after ``last`` where that is among them.

    A file that is torn or no ring gives what can be read of it.
    """
    try:
        memory = path.read_bytes()
    except FileNotFoundError:
        return b""
    lines = _messages(_unroll(memory))
    if last in lines:
        lines = lines[len(lines) - lines[::-1].index(last) :]
    return b"".join(line + b"\n" for line in lines)


def _unroll(memory: bytes) -> bytes:
    """Return the buffer's content from head to tail."""
    if len(memory) < _PAGE:
        return b""
    size, area, data, head = _HEADER.unpack_from(memory)
    start = area % _PAGE  # the map begins at a page, so the pointer's low bits are the offset of the buffer
    if not 0 < size <= len(memory) - start or data > size or head >= size:
        return b""
    buffer = memory[start : start + size]
    return (buffer[head:] + buffer[:head])[:data]


def _messages(content: bytes) -> list[bytes]:
    messages, position = [], 0
    while position + 1 < len(content):
        length, begin = _varint(content, position + 1)
        end = begin + length
        if end > len(content):
            break
        messages.append(content[begin:end])
        position = end
    return messages


def _varint(content: bytes, position: int) -> tuple[int, int]:
    """Return a value and the position after it: a byte below 240, or one above it and groups of 4, 7, 7 … bits."""
    value, shift = content[position], 4
    position += 1
    if value < 240:
        return value, position
    while position < len(content):
        byte = content[position]
        value += byte << shift
        shift += 7
        position += 1
        if byte < 128:
            break
    return value, position
