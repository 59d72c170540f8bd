"""The write-ahead file: raw lines are on the disk before they are acknowledged. Knows nothing of what a line says."""

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable

from registry.core.errors import Unavailable
from serving.telemetry.layout import Layout, sync, write_durably

log = logging.getLogger("slipway.telemetry")


class WriteAhead:
    """Appends to one open segment; when it is big or old enough it is sealed and the next append begins another.

    A segment is never written again after a failure or a restart, so what was read from it stays true.
    """

    def __init__(
        self,
        layout: Layout,
        *,
        roll_bytes: int = 32 << 20,
        roll_age_s: float = 300.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._layout = layout
        self._roll_bytes = roll_bytes
        self._roll_age_s = roll_age_s
        self._clock = clock
        self._mutex = threading.Lock()
        self._descriptor: int | None = None
        self._number = layout.next_number()
        self._size = 0
        self._opened_at = 0.0
        cut_torn_tails(layout)

    def append(self, data: bytes) -> None:
        """Return when ``data`` (whole lines) is durable.

        Raises:
            OSError: it is not (disk full, say); none of it may be taken for stored.
        """
        with self._mutex:
            descriptor = self._open()
            try:
                _write_all(descriptor, data)
                os.fdatasync(descriptor)
            except OSError:
                self._abandon(descriptor)
                raise
            self._size += len(data)

    def sealed(self) -> list[int]:
        """Return the segments that will never be written again, oldest first; seals the open one if it is due."""
        with self._mutex:
            old = self._clock() - self._opened_at >= self._roll_age_s
            if self._descriptor is not None and (old or self._size >= self._roll_bytes):
                self._seal()
            open_number = self._number if self._descriptor is not None else None
            return [number for number in self._layout.segments() if number != open_number]

    def close(self) -> None:
        with self._mutex:
            if self._descriptor is not None:
                self._seal()

    def _open(self) -> int:
        if self._descriptor is None:
            path = self._layout.segment(self._number)
            self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
            sync(path.parent)
            self._size = 0
            self._opened_at = self._clock()
        return self._descriptor

    def _seal(self) -> None:
        assert self._descriptor is not None
        descriptor, self._descriptor = self._descriptor, None
        self._number += 1
        os.close(descriptor)

    def _abandon(self, descriptor: int) -> None:
        """Take back what a failed append has written, as far as the disk lets us; duplicates are dropped later."""
        try:
            os.ftruncate(descriptor, self._size)
        except OSError as error:
            log.warning("segment %d keeps a torn tail: %s", self._number, error)
        self._seal()


class GroupCommit:
    """Lets many concurrent posts share one flush to the disk."""

    def __init__(self, append: Callable[[bytes], None]) -> None:
        self._append = append
        self._waiting: list[tuple[bytes, asyncio.Future[None]]] = []
        self._committer: asyncio.Task[None] | None = None

    async def store(self, lines: bytes) -> None:
        """Return when ``lines`` are durable.

        Raises:
            Unavailable: the disk refused; the sender is to keep them and try again.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((lines, done))
        if self._committer is None:
            self._committer = asyncio.create_task(self._commit())
        await done

    async def _commit(self) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting, []
                error = await self._try_append(b"".join(lines for lines, _ in group))
                for _, done in group:
                    if done.done():  # its client is gone
                        continue
                    if error is None:
                        done.set_result(None)
                    else:
                        done.set_exception(error)
        finally:
            self._committer = None

    async def _try_append(self, data: bytes) -> Unavailable | None:
        try:
            await asyncio.to_thread(self._append, data)
        except OSError as error:
            log.error("lines refused: %s", error)
            return Unavailable(f"the telemetry disk refuses to write: {error.strerror}", errno=error.errno)
        return None


def cut_torn_tails(layout: Layout) -> None:
    """Move what follows the last newline of a segment aside: a crash left it, and nobody was told it is stored."""
    for number in layout.segments():
        path = layout.segment(number)
        raw = path.read_bytes()
        kept = raw.rfind(b"\n") + 1
        if kept < len(raw):
            log.warning("segment %d: a torn line of %d bytes is cut off", number, len(raw) - kept)
            write_durably(layout.torn(number), raw[kept:])
            os.truncate(path, kept)
            sync(path)


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
