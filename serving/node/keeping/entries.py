"""One kind of what a node keeps: folders by key, made by one process for all, and held by whoever uses them.

Who uses an entry holds its lock ``use`` shared, until he ends; who makes one holds that too, and the lock ``make``
alone. So nobody uses or makes an entry whose lock ``use`` can be had alone, and it may go. What is made or goes lies
below ``tmp``: a process that is killed there leaves what the next sweep removes (``serving/node/keeping/room.py``).
"""

import errno
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from serving.node.errors import DiskRefused
from serving.node.keeping.locks import Hold, hold_shared, locked, locked_if_free

GONE = "gone-"  # begins the name of what lies below tmp to be removed
_USE, _MAKE = ".use", ".make"
_FULL = (errno.ENOSPC, errno.EDQUOT)

# Makes an entry: given a folder below tmp that is its own, and the locks that a child process must inherit.
Make = Callable[[Path, tuple[int, int]], None]


class Entries:
    """The entries ``node/kind/<key>``."""

    def __init__(self, node: Path, kind: str) -> None:
        self.kind = kind
        self._folder = node / kind
        self._tmp = node / "tmp"
        self._locks = node / "locks"

    def path(self, key: str) -> Path:
        return self._folder / key

    def hold(self, key: str) -> Hold:
        """Keep an entry, if it is here, from being left until the hold is closed."""
        hold = hold_shared(self._lock(key, _USE))
        os.utime(hold.descriptor)
        return hold

    def ensure(self, key: str, is_whole: Callable[[], bool], make: Make) -> Hold:
        """Hold the entry ``key``, made first if it is not whole. Waits for who makes it already.

        Raises:
            DiskRefused: the disk is full, or refuses to write; nothing half-made is left.
        """
        with self._refusing(key):
            hold = self.hold(key)
            try:
                if not is_whole():
                    with locked(self._lock(key, _MAKE)) as making:
                        if not is_whole():
                            self._make(key, make, (hold.descriptor, making))
            except BaseException:
                hold.close()
                raise
            return hold

    def publish(self, made: Path, key: str) -> None:
        """Put a folder that was made below ``tmp`` in the entry's place."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self.put_away(key)
        made.rename(self.path(key))

    def put_away(self, key: str) -> None:
        """Take an entry out of its place, if it is there; a sweep removes it."""
        self._tmp.mkdir(parents=True, exist_ok=True)
        if self.path(key).exists():
            self.path(key).rename(self._tmp / f"{GONE}{uuid.uuid4().hex}")

    def __iter__(self) -> Iterator[str]:
        """Yield the keys of what is here now, whole or not."""
        yield from sorted(path.name for path in self._folder.iterdir()) if self._folder.is_dir() else ()

    def last_used_ms(self, key: str) -> int:
        """Return when somebody last began to use the entry, or was last seen to."""
        try:
            return self._lock(key, _USE).stat().st_mtime_ns // 1_000_000
        except FileNotFoundError:
            return 0

    @contextmanager
    def unused(self, key: str) -> Iterator[bool]:
        """Keep everybody from beginning to use or make the entry, if nobody does, and say so."""
        lock = self._lock(key, _USE)
        with locked_if_free(lock) as free:
            if not free:
                with suppress(FileNotFoundError):
                    os.utime(lock)
            yield free

    def tidy(self) -> None:
        """Remove what killed processes left of this kind, and the locks of what is not here."""
        for lock in self._locks.glob(f"{self.kind}-*{_USE}"):
            key = lock.name.removeprefix(f"{self.kind}-").removesuffix(_USE)
            with self.unused(key) as free:
                if free:
                    shutil.rmtree(self._making(key), ignore_errors=True)
                    if not self.path(key).exists():
                        self._lock(key, _MAKE).unlink(missing_ok=True)
                        lock.unlink(missing_ok=True)

    def _make(self, key: str, make: Make, inherit: tuple[int, int]) -> None:
        tmp = self._making(key)
        shutil.rmtree(tmp, ignore_errors=True)
        tmp.mkdir(parents=True)
        try:
            make(tmp, inherit)
        finally:
            shutil.rmtree(tmp, ignore_errors=True)

    def _making(self, key: str) -> Path:
        return self._tmp / f"{self.kind}-{key}"

    def _lock(self, key: str, which: str) -> Path:
        return self._locks / f"{self.kind}-{key}{which}"

    @contextmanager
    def _refusing(self, key: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            what = f"{self.kind.removesuffix('s')} {key[:12]}"
            remedy = ": free some space, or keep less with --node-cache-gb" if error.errno in _FULL else ""
            raise DiskRefused(f"cannot keep {what} in {self._folder}: {error.strerror or error}{remedy}") from error
