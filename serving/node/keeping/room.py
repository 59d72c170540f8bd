"""Room for what a node keeps: at most so many bytes, by leaving what was used longest ago, and never what is in use.

Counted are layers and environments at their full size. An environment's files may be shared with uv's own cache, so the
bound errs on the safe side; uv's cache is not counted and not touched.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from registry.core.errors import InvalidInput
from serving.node.keeping.entries import GONE, Entries
from serving.node.keeping.kept import RECORD, KeptEnvironment, KeptImage, read_record
from serving.node.keeping.layers import Layers
from serving.node.keeping.locks import locked
from serving.policy.eviction import Cached, bytes_of, to_drop

BOUND_VARIABLE = "SLIPWAY_NODE_CACHE_GB"
GB = 1_000_000_000
_DEFAULT_GB = 20
_MOST_GB = 1_000_000


class Room:
    """What is kept below ``node``, the node's own folder, within ``most_bytes``."""

    def __init__(self, node: Path, most_bytes: int) -> None:
        node = node.absolute()
        self.most_bytes = most_bytes
        self.images = Entries(node, "images")
        self.environments = Entries(node, "environments")
        self._layers = Entries(node, "layers")
        self.layers = Layers(self._layers)
        self._node = node

    def image(self, key: str) -> KeptImage | None:
        """Return what is written down about an image, if it is here."""
        return read_record(self.images.path(key) / RECORD, KeptImage)

    def environment(self, key: str) -> KeptEnvironment | None:
        """Return what is written down about an environment, if it is here and whole."""
        return read_record(self.environments.path(key) / RECORD, KeptEnvironment)

    def cached(self) -> list[Cached]:
        """List what is here, whole."""
        images = {key: self.image(key) for key in self.images}
        environments = {key: self.environment(key) for key in self.environments}
        return [
            *(self._cached_image(key, record) for key, record in images.items() if record),
            *(self._cached_environment(key, record) for key, record in environments.items() if record),
        ]

    def make(self, incoming_bytes: int) -> list[Cached]:
        """Leave what was used longest ago until so many more bytes fit the bound and the disk; return what went."""
        with locked(self._node / "locks" / "sweep"):
            cached = self.cached()
            held_bytes, free_bytes = bytes_of(cached), shutil.disk_usage(self._node).free
            gone = self._drop(to_drop(cached, min(self.most_bytes, held_bytes + free_bytes) - incoming_bytes))
        self._remove_gone()
        return gone

    def unused_since(self, before_ms: int) -> list[Cached]:
        """List what nobody uses, and nobody began to use since."""
        return [one for one in self.cached() if not one.in_use and one.last_used_ms < before_ms]

    def drop(self, entries: Sequence[Cached]) -> list[Cached]:
        """Leave these entries, but for those that are in use by now, and return what went."""
        with locked(self._node / "locks" / "sweep"):
            gone = self._drop(entries)
        self._remove_gone()
        return gone

    def _drop(self, entries: Sequence[Cached]) -> list[Cached]:
        gone = [entry for entry in entries if _put_away(self._of(entry), entry.key)]
        for key in self._layers:
            with self._layers.unused(key) as free:  # who links it holds it until its image is in place
                if free and key not in self._referenced():
                    self._layers.put_away(key)
        for key in self.environments:
            if self.environment(key) is None:
                _put_away(self.environments, key)
        for kind in (self.images, self.environments, self._layers):
            kind.tidy()
        return gone

    def _of(self, entry: Cached) -> Entries:
        return self.images if entry.kind == "image" else self.environments

    def _referenced(self) -> set[str]:
        records = [self.image(key) for key in self.images]
        return {layer for record in records if record for layer in record.layers}

    def _remove_gone(self) -> None:
        for folder in (self._node / "tmp").glob(f"{GONE}*"):
            shutil.rmtree(folder, ignore_errors=True)  # another sweep may be at it too

    def _cached_image(self, key: str, record: KeptImage) -> Cached:
        layers = {layer: self.layers.record(layer) for layer in record.layers}
        parts = {layer: kept.size_bytes for layer, kept in layers.items() if kept}
        return self._entry("image", key, f"{record.name}@sha256:{key[:12]}", parts)

    def _cached_environment(self, key: str, record: KeptEnvironment) -> Cached:
        return self._entry("environment", key, f"Python {record.python}", {key: record.size_bytes})

    def _entry(self, kind: Literal["image", "environment"], key: str, name: str, parts: dict[str, int]) -> Cached:
        entries = self.images if kind == "image" else self.environments
        with entries.unused(key) as free:
            return Cached(
                kind=kind, key=key, name=name, parts=parts, last_used_ms=entries.last_used_ms(key), in_use=not free
            )


def open_room(node: Path, cache_gb: float | str | None) -> Room:
    """Return the room of a node's folder, made when something is kept: of ``cache_gb``, else of 20 GB, or half of a
    smaller disk.

    Raises:
        InvalidInput: it is no size.
    """
    try:
        bound_gb = None if cache_gb is None else float(cache_gb)
    except ValueError:
        bound_gb = 0
    if bound_gb is not None and not 0 < bound_gb < _MOST_GB:  # NaN is neither
        raise InvalidInput(f"--node-cache-gb or {BOUND_VARIABLE} is {cache_gb!r}: write a number of GB over 0")
    if bound_gb is None:
        there = next(folder for folder in (node.absolute(), *node.absolute().parents) if folder.is_dir())
        bound_gb = min(_DEFAULT_GB, shutil.disk_usage(there).total / 2 / GB)
    return Room(node, int(bound_gb * GB))


def _put_away(entries: Entries, key: str) -> bool:
    with entries.unused(key) as free:
        if free:
            entries.put_away(key)
        return free
