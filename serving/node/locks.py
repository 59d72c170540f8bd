"""One holder at a time, among threads and processes of a node. The kernel lets go when the last holder dies."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(path: Path) -> Iterator[int]:
    """Hold the lock file at ``path``, waiting for it, and yield its descriptor.

    A child process that inherits the descriptor holds the lock too, until it ends.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file.fileno()
