"""What a workspace takes of the disk for what it runs: images and environments of the node, telemetry, logs."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from serving.embedded.paths import WorkspacePaths
from serving.node.keeping.room import open_room
from serving.node.running.launch import NODE
from serving.policy.eviction import bytes_of


class DiskView(msgspec.Struct, frozen=True, kw_only=True):
    """``unused_bytes`` is what nothing that runs needs; `slipway node prune` gives it back."""

    what: str
    bytes: int
    unused_bytes: int = 0


def disk_of(paths: WorkspacePaths) -> list[DiskView]:
    """Look at the sizes that the node has written down, and at the files of the rest."""
    cached = open_room(paths.home / NODE, None).cached()
    views = []
    for kind, what in (("image", "images on this machine"), ("environment", "environments")):
        entries = [entry for entry in cached if entry.kind == kind]
        used = bytes_of(entry for entry in entries if entry.in_use)
        views.append(DiskView(what=what, bytes=bytes_of(entries), unused_bytes=bytes_of(entries) - used))
    views.append(DiskView(what="telemetry", bytes=sum(_sizes(paths.home / "telemetry"))))
    views.append(DiskView(what="logs", bytes=sum(_sizes(paths.logs))))
    return views


def _sizes(folder: Path) -> Iterator[int]:
    for where, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):  # it went meanwhile
                yield Path(where, name).lstat().st_size
