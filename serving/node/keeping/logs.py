"""The logs of scoring processes: each as long as somebody looks after its process; of the others the newest stay."""

import contextlib
import os
from pathlib import Path

from serving.node.keeping.locks import Hold, hold_shared, locked_if_free

KEPT_FILES = 200  # of processes that are gone
KEPT_BYTES = 256 << 20
MOST_BYTES = 64 << 20  # of the log of one that runs
TAIL_BYTES = 1 << 20  # of which this stays when it is more


def begin_log(path: Path) -> Hold:
    """Return a hold on the log, which is made if it is not there, and delete those of others that are too many."""
    hold = hold_shared(path)
    forget_old(path.parent)
    return hold


def is_held(path: Path) -> bool:
    """Say whether somebody looks after the process that writes this log."""
    with locked_if_free(path) as is_free:
        return not is_free


def forget_old(folder: Path, kept_files: int = KEPT_FILES, kept_bytes: int = KEPT_BYTES) -> None:
    """Delete the oldest logs that nobody holds, but for so many files and bytes of the newest."""
    files, size = 0, 0
    for path in sorted(folder.glob("*.log"), key=written_s, reverse=True):
        with locked_if_free(path) as is_free, contextlib.suppress(FileNotFoundError):
            if is_free:
                files, size = files + 1, size + path.stat().st_size
                if files > kept_files or size > kept_bytes:
                    path.unlink()


def shorten(path: Path, most_bytes: int = MOST_BYTES, tail_bytes: int = TAIL_BYTES) -> None:
    """Begin a log that is too long anew; its end stays beside it. What is written in that moment may be lost."""
    if path.stat().st_size <= most_bytes:
        return
    with path.open("rb") as log:
        log.seek(-tail_bytes, os.SEEK_END)
        path.with_name(f"{path.stem}-earlier.log").write_bytes(log.read(tail_bytes).partition(b"\n")[2])
    os.truncate(path, 0)  # its process appends, so it goes on at the beginning


def written_s(path: Path) -> float:
    """Return when a log was last written to, in seconds since 1970; 0 if it is gone."""
    with contextlib.suppress(FileNotFoundError):
        return path.stat().st_mtime
    return 0.0
