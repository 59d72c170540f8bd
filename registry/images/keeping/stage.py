"""Blobs on their way into a layout: in a folder of their own, which is locked as long as somebody is at work there."""

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from registry.images.keeping.disk import disk_told


class Stage:
    """A new folder below ``incoming``. Close it in the end, whatever happened."""

    def __init__(self, incoming: Path) -> None:
        self.folder = Path(tempfile.mkdtemp(dir=incoming))
        self._held = os.open(self.folder, os.O_RDONLY)
        fcntl.flock(self._held, fcntl.LOCK_EX)

    def write(self, chunks: Iterable[bytes]) -> tuple[str, int]:
        """Collect a blob and return its digest and size. Raises Unavailable if the disk is full or refuses."""
        digest, size = hashlib.sha256(), 0
        with tempfile.NamedTemporaryFile(dir=self.folder, delete=False) as file:
            for chunk in chunks:
                digest.update(chunk)
                with disk_told():
                    size += file.write(chunk)
            with disk_told():
                file.flush()
                os.fsync(file.fileno())
        Path(file.name).rename(self.folder / digest.hexdigest())
        return f"sha256:{digest.hexdigest()}", size

    def move(self, blobs: Path) -> None:
        """Rename every blob into the folder ``blobs``."""
        for file in sorted(self.folder.iterdir()):
            file.rename(blobs / file.name)

    def close(self) -> None:
        """Delete what was not moved."""
        shutil.rmtree(self.folder, ignore_errors=True)
        os.close(self._held)


def is_held(folder: Path) -> bool:
    """Say whether somebody is at work in the folder of a stage."""
    held = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(held)
    return False
