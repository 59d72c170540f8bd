"""Where things lie in the data folder. A segment's number names all that is made of it, so making it twice is harmless.

::

    wal/00000007.log                                     raw lines as received
    requests/date=2026-11-23/hour=20/00000007.parquet    the rows of segment 7 that began in that hour (UTC)
    quarantine/00000007.log                              its lines that are no rows
    quarantine/00000007.torn                             what a crash left behind its last newline
    lock                                                 held by the only writer
    mirrors/                                             the same again, of comparisons
"""

import fcntl
import os
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path

HOUR_MS = 3_600_000


class FolderInUse(Exception):
    """Another process writes to this data folder."""


class Layout:
    """Paths under one table's data folder; makes the folders it needs. ``table`` is where its rows lie."""

    def __init__(self, data_dir: Path, table: str = "requests") -> None:
        self.data_dir = data_dir
        self.wal = data_dir / "wal"
        self.rows = data_dir / table
        self.quarantine = data_dir / "quarantine"
        for folder in (self.wal, self.rows, self.quarantine):
            folder.mkdir(parents=True, exist_ok=True)

    def lock(self) -> int:
        """Return a descriptor that holds the folder until it is closed or the process ends.

        Raises:
            FolderInUse: another process holds it.
        """
        descriptor = os.open(self.data_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            raise FolderInUse(f"another telemetry process writes to {self.data_dir}") from error
        return descriptor

    def segment(self, number: int) -> Path:
        return self.wal / f"{number:08d}.log"

    def parquet(self, hour_ms: int, number: int) -> Path:
        """Name the file of a segment's rows in the hour that begins at ``hour_ms``."""
        begin = datetime.fromtimestamp(hour_ms / 1000, UTC)
        return self.rows / f"date={begin:%Y-%m-%d}" / f"hour={begin:%H}" / f"{number:08d}.parquet"

    def quarantined(self, number: int) -> Path:
        return self.quarantine / f"{number:08d}.log"

    def torn(self, number: int) -> Path:
        return self.quarantine / f"{number:08d}.torn"

    def segments(self) -> list[int]:
        """Return the numbers of all segments not yet compacted, oldest first."""
        return sorted(int(path.stem) for path in self.wal.glob("*.log"))

    def parquet_files(self, raw: Collection[int], since_ms: int = 0) -> list[Path]:
        """Return the files that may hold rows since then, without those of the segments ``raw``, which are read raw."""
        earliest = str(self.parquet(since_ms - since_ms % HOUR_MS, 0).parent)
        files = self.rows.glob("date=*/hour=*/*.parquet")
        return sorted(path for path in files if int(path.stem) not in raw and str(path.parent) >= earliest)

    def next_number(self) -> int:
        """Return a segment number that names nothing yet."""
        taken = [*self.wal.glob("*.log"), *self.quarantine.iterdir(), *self.rows.glob("date=*/hour=*/*.parquet")]
        return max((int(path.stem) for path in taken if path.stem.isdigit()), default=0) + 1


def write_durably(path: Path, data: bytes) -> None:
    """Replace ``path`` as a whole; after return it survives a power cut."""
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_bytes(data)
    publish(temporary, path)


def publish(temporary: Path, path: Path) -> None:
    """Give a finished temporary file its name, durably."""
    sync(temporary)
    temporary.rename(path)
    sync(path.parent)


def sync(path: Path) -> None:
    """Flush a file, or a folder's entries, to the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
