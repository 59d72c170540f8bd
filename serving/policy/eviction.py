"""What a node's cache gives up: the least recently used, and never what is in use. Pure."""

from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec


class Cached(msgspec.Struct, frozen=True, kw_only=True):
    """An image or an environment that a node keeps. ``parts`` are bytes by what they are of: two images that share a
    layer share that part, which counts once."""

    kind: Literal["image", "environment"]
    key: str
    name: str
    parts: dict[str, int]
    last_used_ms: int
    in_use: bool


def bytes_of(entries: Iterable[Cached]) -> int:
    """Return what the entries take together."""
    return sum({part: size for entry in entries for part, size in entry.parts.items()}.values())


def to_drop(entries: Sequence[Cached], most_bytes: int) -> list[Cached]:
    """Return what must go so that the rest takes at most ``most_bytes``; when too much is in use, all that may go."""
    dropped: list[Cached] = []
    kept = sorted(entries, key=lambda entry: (entry.last_used_ms, entry.key))
    for entry in list(kept):
        if bytes_of(kept) <= most_bytes:
            break
        if not entry.in_use:
            kept.remove(entry)
            dropped.append(entry)
    return dropped
