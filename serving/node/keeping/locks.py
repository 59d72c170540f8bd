"""Locks among threads and processes of a node. The kernel lets go of one when its last holder dies."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Hold:
    """A lock that is held until it is closed, by this process and by each child that inherits ``descriptor``."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def __enter__(self) -> "Hold":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go. Harmless when done already."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


def hold_shared(path: Path) -> Hold:
    """Hold the lock file at ``path`` together with others, once nobody has it alone."""
    return _hold(path, fcntl.LOCK_SH)


@contextmanager
def locked(path: Path) -> Iterator[int]:
    """Hold the lock file at ``path`` alone, waiting for it, and yield its descriptor."""
    with _hold(path, fcntl.LOCK_EX) as hold:
        yield hold.descriptor


@contextmanager
def locked_if_free(path: Path) -> Iterator[bool]:
    """Hold the lock file at ``path`` alone if nobody has it, and say so. Waits for nobody."""
    try:
        hold = _hold(path, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
        return
    with hold:
        yield True


def _hold(path: Path, operation: int) -> Hold:
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        hold = Hold(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644))
        try:
            fcntl.flock(hold.descriptor, operation)
            if _is_at(path, hold.descriptor):
                return hold
        except BaseException:
            hold.close()
            raise
        hold.close()  # who had it alone has removed it meanwhile


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
