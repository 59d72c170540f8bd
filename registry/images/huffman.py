"""Huffman codes as deflate has them (RFC 1951, 3.2.2 and 3.2.7), the same for the same counts everywhere and always."""

import heapq
from collections.abc import Sequence

Code = tuple[int, int]  # the bits as they are written, lowest first, and how many


def code_lengths(counts: Sequence[int], longest: int) -> list[int]:
    """Return the length of each symbol's code, 0 for one that does not occur; none is over ``longest``.

    Two symbols have a code at least, since readers refuse a tree of none.
    """
    counts = list(counts)
    for symbol in range(2):
        if sum(count > 0 for count in counts) < 2:
            counts[symbol] = counts[symbol] or 1
    while True:
        lengths = _lengths(counts)
        if max(lengths) <= longest:
            return lengths
        counts = [(count + 1) // 2 for count in counts]  # flatter, and so less deep


def codes_of(lengths: Sequence[int]) -> list[Code]:
    """Return the canonical code of each symbol."""
    codes: list[Code] = [(0, 0)] * len(lengths)
    code = 0
    for length in range(1, max(lengths) + 1):
        for symbol, its_length in enumerate(lengths):
            if its_length == length:
                codes[symbol] = int(f"{code:0{length}b}"[::-1], 2), length
                code += 1
        code <<= 1
    return codes


def _lengths(counts: Sequence[int]) -> list[int]:
    lengths = [0] * len(counts)
    # Equal counts go by the order in which their trees were made.
    trees = [(count, symbol, [symbol]) for symbol, count in enumerate(counts) if count]
    heapq.heapify(trees)
    made = len(counts)
    while len(trees) > 1:
        light, heavy = heapq.heappop(trees), heapq.heappop(trees)
        symbols = light[2] + heavy[2]
        for symbol in symbols:
            lengths[symbol] += 1
        heapq.heappush(trees, (light[0] + heavy[0], made, symbols))
        made += 1
    return lengths
