"""Gzip whose bytes never change: zlib's differ from version to version, and an image's digest must not.

One block of Huffman codes over LZ77 with a few candidates for each match (RFC 1951 and 1952). Source text takes some
28 % of its size. About 1 MB a second: for small layers.
"""

import zlib
from bisect import bisect_right
from collections import defaultdict, deque
from collections.abc import Iterator

from registry.images.huffman import Code, code_lengths, codes_of

Token = tuple[int, int]

_HEADER = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"  # deflate, no name, no time, no flags, unknown system
_WINDOW, _SHORTEST, _LONGEST = 1 << 15, 4, 258
_CANDIDATES = 24
_END_OF_BLOCK = 256
_LENGTHS_ORDER = (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15)  # as the RFC writes them
_LENGTH_EXTRA = [0] * 8 + [extra for extra in range(1, 6) for _ in range(4)] + [0]
_DISTANCE_EXTRA = [0, 0] + [extra for extra in range(14) for _ in range(2)]


def _bases(first: int, extras: list[int]) -> list[int]:
    bases = [first]
    for extra in extras[:-1]:
        bases.append(bases[-1] + (1 << extra))
    return bases


_LENGTH_BASE = [*_bases(3, _LENGTH_EXTRA[:-1]), _LONGEST]
_DISTANCE_BASE = _bases(1, _DISTANCE_EXTRA)


def gzip_bytes(data: bytes) -> bytes:
    """Compress ``data``; equal data are equal bytes, everywhere and always."""
    tail = zlib.crc32(data).to_bytes(4, "little") + (len(data) & 0xFFFFFFFF).to_bytes(4, "little")
    return _HEADER + _packed(_block(list(_tokens(data)))) + tail


def _tokens(data: bytes) -> Iterator[Token]:
    """Part data into bytes, of distance 0, and repetitions: (how long, how far back)."""
    position = 0
    seen: dict[bytes, deque[int]] = defaultdict(lambda: deque(maxlen=_CANDIDATES))
    while position < len(data):
        length, distance = _match(data, position, seen[data[position : position + _SHORTEST]])
        if length:
            yield length, distance
        else:
            yield data[position], 0
            length = 1
        for passed in range(position, position + length):
            seen[data[passed : passed + _SHORTEST]].append(passed)
        position += length


def _block(tokens: list[Token]) -> Iterator[Code]:
    """Yield the last block, with codes of its own; their lengths come first, each by itself."""
    literals, distances = _counts(tokens)
    of_literals, of_distances = code_lengths(literals, 15), code_lengths(distances, 15)
    both = of_literals + of_distances
    of_lengths = code_lengths([both.count(length) for length in range(len(_LENGTHS_ORDER))], 7)
    yield 0b101, 3
    yield len(literals) - 257, 5
    yield len(distances) - 1, 5
    yield len(_LENGTHS_ORDER) - 4, 4
    for length in _LENGTHS_ORDER:
        yield of_lengths[length], 3
    codes = codes_of(of_lengths)
    for length in both:
        yield codes[length]
    yield from _coded(tokens, codes_of(of_literals), codes_of(of_distances))


def _counts(tokens: list[Token]) -> tuple[list[int], list[int]]:
    literals, distances = [0] * 286, [0] * 30
    for value, distance in tokens:
        if distance:
            literals[257 + _index(value, _LENGTH_BASE)] += 1
            distances[_index(distance, _DISTANCE_BASE)] += 1
        else:
            literals[value] += 1
    literals[_END_OF_BLOCK] = 1
    return literals, distances


def _coded(tokens: list[Token], literals: list[Code], distances: list[Code]) -> Iterator[Code]:
    for value, distance in tokens:
        if distance:
            index = _index(value, _LENGTH_BASE)
            yield literals[257 + index]
            yield value - _LENGTH_BASE[index], _LENGTH_EXTRA[index]
            index = _index(distance, _DISTANCE_BASE)
            yield distances[index]
            yield distance - _DISTANCE_BASE[index], _DISTANCE_EXTRA[index]
        else:
            yield literals[value]
    yield literals[_END_OF_BLOCK]


def _match(data: bytes, position: int, candidates: deque[int]) -> tuple[int, int]:
    """Return the longest earlier occurrence of what follows, the nearest of equal ones; (0, 0) if there is none."""
    best, at = 0, 0
    most = min(_LONGEST, len(data) - position)
    for candidate in reversed(candidates):
        if position - candidate > _WINDOW:
            break
        if best and data[candidate + best - 1 : candidate + best] != data[position + best - 1 : position + best]:
            continue
        length = 0
        while length < most and data[candidate + length] == data[position + length]:
            length += 1
        if length > best:
            best, at = length, candidate
        if best == most:
            break
    return (best, position - at) if best >= _SHORTEST else (0, 0)


def _index(value: int, bases: list[int]) -> int:
    return bisect_right(bases, value) - 1


def _packed(codes: Iterator[Code]) -> bytes:
    out, held, count = bytearray(), 0, 0
    for bits, width in codes:
        held |= bits << count
        count += width
        while count >= 8:
            out.append(held & 0xFF)
            held >>= 8
            count -= 8
    if count:
        out.append(held)
    return bytes(out)
