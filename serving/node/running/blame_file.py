"""The file in which the scoring processes of a revision on this node mark what they work on.

What is in it, and how bodies that end processes are found out, is in ``serving/scoring/runtimes/blame.py``. Here it is
made, kept for as long as a supervisor of the revision lives, and read.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from serving.node.keeping.locks import Hold, hold_shared, locked_if_free
from serving.scoring.runtimes.blame import COUNTS, COUNTS_AT, DEATH, DEATH_AT, MAGIC, MARK, MARKS_AT, SIZE

FOLDER = "blame"  # below the node's folder


class Work(NamedTuple):
    """What a process is at, or was when it ended."""

    began_s: float  # monotonic
    request_id: str


def sweep(folder: Path) -> None:
    """Take away the files that nobody holds any more, whose supervisors were killed: all marks in them look like kills.

    A file that a scoring process still has goes on for that one; who comes next makes another.
    """
    with suppress(OSError):
        for path in list(folder.iterdir()):
            _remove_if_free(path)


class BlameFile:
    """One supervisor's part in keeping the file. Use it as a context manager; ``path`` is None if there is none."""

    def __init__(self, path: Path) -> None:
        """Make the file if nobody has. On a full disk there is none: bodies are then not found out."""
        self.path: Path | None = None
        self._hold = Hold(-1)
        with suppress(OSError):
            self._hold = hold_shared(path)
            os.posix_fallocate(self._hold.descriptor, 0, SIZE)  # a hole in a mapped file is a SIGBUS on a full disk
            os.pwrite(self._hold.descriptor, MAGIC, 0)
            self.path = path

    def __enter__(self) -> "BlameFile":
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of the file; the last one removes it."""
        self._hold.close()
        if self.path is not None:
            _remove_if_free(self.path)

    def note_death(self, now_s: float) -> None:
        """Have every process of the revision mark what it works on, for an hour from now on, monotonic time."""
        if self.path is not None:
            os.pwrite(self._hold.descriptor, DEATH.pack(now_s, True), DEATH_AT)

    def work_of(self, pid: int) -> Work | None:
        """Return what a process is at; None if that is nothing, or it marks nothing."""
        if self.path is None:
            return None
        used, _ = COUNTS.unpack(os.pread(self._hold.descriptor, COUNTS.size, COUNTS_AT))
        marks = os.pread(self._hold.descriptor, used * MARK.size, MARKS_AT)
        for owner, began_s, name in MARK.iter_unpack(marks):
            if owner == pid and began_s:
                return Work(began_s, name.rstrip(b"\0").decode("ascii", "replace"))
        return None


def _remove_if_free(path: Path) -> None:
    with locked_if_free(path) as free:
        if free:
            path.unlink(missing_ok=True)
