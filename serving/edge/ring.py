"""Lines that HAProxy wrote to its ring but nobody received, read from the ring's file after its death.

The file is HAProxy's memory: a header, then messages, each one byte (its readers), its length as HAProxy's varint, and
the text (ring-t.h and intops.h of HAProxy 2.8). We look for our own lines instead of following the header: a line that
is whole has all its fields.
"""

from pathlib import Path

from serving.wire.request_line import COLUMNS, MARK, SEPARATOR

_LONGEST_VARINT = 3


def recover_lines(ring_file: Path, boot: str) -> bytes:
    """Return the whole lines of one HAProxy's life that are still in its ring file, newline-terminated.

    Many of them were received already; telemetry stores equal lines once. The one line that lies across the ring's end
    can't be read, and shows as a gap in the counters.
    """
    try:
        memory = ring_file.read_bytes()
    except FileNotFoundError:
        return b""
    begin = f"{MARK}{SEPARATOR}{boot}{SEPARATOR}".encode()
    lines = []
    at = memory.find(begin)
    while at >= 0:
        line = _line_at(memory, at)
        if line is not None:
            lines.append(line)
        at = memory.find(begin, at + len(begin))
    return b"".join(line + b"\n" for line in lines)


def _line_at(memory: bytes, at: int) -> bytes | None:
    for size in range(1, _LONGEST_VARINT + 1):
        length = _varint(memory[max(0, at - size) : at])
        if length is None:
            continue
        line = memory[at : at + length]
        if line.count(SEPARATOR.encode()) == len(COLUMNS) and b"\n" not in line and b"\0" not in line:
            return line
    return None


def _varint(encoded: bytes) -> int | None:
    """Decode HAProxy's varint if ``encoded`` is exactly one: a byte under 240, or one above it and 7-bit groups."""
    if not encoded:
        return None
    value = encoded[0]
    if value < 240:
        return value if len(encoded) == 1 else None
    shift = 4
    for position, byte in enumerate(encoded[1:], 1):
        value += byte << shift
        shift += 7
        if byte < 128:
            return value if position == len(encoded) - 1 else None
    return None
