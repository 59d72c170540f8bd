"""What a workspace takes of the disk, by folder."""

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

_SESSION = re.compile(r"--log[-_]dir=(\S+)")  # among the arguments of Ray's processes


class Space(NamedTuple):
    """``bytes`` is what the files' blocks take; a file of several names counts once."""

    files: int
    bytes: int


def space_of(folder: Path) -> dict[str, Space]:
    """Return what each folder and file directly below takes."""
    return {entry.name: _space(entry) for entry in sorted(folder.iterdir())}


def ray_logs(pids: Iterable[int], proc: Path = Path("/proc")) -> Space:
    """Return what the logs of the Ray session take to which one of the processes belongs."""
    for pid in pids:
        try:
            arguments = (proc / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # ended while we looked
        if found := _SESSION.search(arguments):
            return _space(Path(found[1]))
    return Space(0, 0)


def _space(entry: Path) -> Space:
    files, size, seen = 0, 0, set()
    paths = [Path(folder) / name for folder, _, names in os.walk(entry) for name in names]
    for path in paths if entry.is_dir() else [entry]:
        try:
            state = path.lstat()
        except FileNotFoundError:
            continue  # gone while we looked
        if (state.st_dev, state.st_ino) not in seen:
            seen.add((state.st_dev, state.st_ino))
            files, size = files + 1, size + state.st_blocks * 512
    return Space(files, size)
