"""Blobs on their way in, over as many requests as a client likes: one file each, beside the layout's blobs.

The file is all there is of an upload, so that it survives the process; it becomes a blob by being renamed, whole and
verified. Its digest so far is kept in memory and made again from the file where it is not known. A file is locked while
a request writes to it; one that nobody has written to for an hour is swept away when the next upload begins.
"""

import fcntl
import hashlib
import os
import re
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Self

from registry.core.errors import Conflict, Unavailable
from registry.core.imaging.pushes import DigestMismatch, InvalidChunk, TooManyUploads, UnknownUpload
from registry.images.keeping.disk import disk_told
from registry.images.keeping.layout import ImageLayout
from registry.images.pack import CHUNK_BYTES

MAX_UPLOADS = 128  # at the same time, in all
MAX_BLOB_BYTES = 256 << 30
IDLE_S = 3600
_ID = re.compile(r"[0-9a-f]{32}\Z")


class Uploads:
    """The uploads of one layout. Safe for several threads and processes."""

    def __init__(self, layout: ImageLayout) -> None:
        self._layout = layout
        self._folder = layout.uploads
        self._hashes: dict[str, tuple[int, hashlib._Hash]] = {}  # how much of the file it is of
        self._lock = Lock()

    def begin(self) -> str:
        """Begin an upload and return its name.

        Raises:
            TooManyUploads: as many are under way as may be.
            Unavailable: the disk is full or refuses.
        """
        with self._lock, disk_told():
            if self._sweep() >= MAX_UPLOADS:
                raise TooManyUploads(
                    f"{MAX_UPLOADS} uploads are under way: let some end, or cancel them; "
                    f"those that nobody goes on with are given up after {IDLE_S // 60} minutes"
                )
            name = uuid.uuid4().hex
            (self._folder / name).touch(0o600, exist_ok=False)
        return name

    def size(self, name: str) -> int:
        """Return how many bytes of an upload are here. Raises UnknownUpload."""
        with _found(name), disk_told():
            return self._path(name).stat().st_size

    def cancel(self, name: str) -> None:
        """Forget an upload. Raises UnknownUpload, and Conflict while a request writes to it."""
        with self.open(name) as upload:
            upload.discard()

    def open(self, name: str) -> "Upload":
        """Go on with an upload; nobody else can until it is closed.

        Raises:
            UnknownUpload: there is none such.
            Conflict: another request writes to it.
            Unavailable: the disk refuses.
        """
        path = self._path(name)
        with _found(name), disk_told():
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            try:
                _lock(descriptor, path)
                known = self._hashes.pop(name, (0, hashlib.sha256()))
                return Upload(self, self._layout, path, descriptor, known)
            except BaseException:
                os.close(descriptor)
                raise

    def remember(self, name: str, size: int, digest: "hashlib._Hash") -> None:
        """Keep the digest of the first ``size`` bytes, for whoever goes on."""
        self._hashes[name] = (size, digest)

    def _path(self, name: str) -> Path:
        if not _ID.match(name):
            raise UnknownUpload(f"there is no upload {name[:40]!r}: begin one", upload=name[:40])
        return self._folder / name

    def _sweep(self) -> int:
        """Delete what nobody goes on with; return how many are left."""
        left = set()
        for path in self._folder.iterdir():
            with suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > IDLE_S and self._delete_idle(path):
                    continue
                left.add(path.name)
        for name in set(self._hashes) - left:
            self._hashes.pop(name, None)
        return len(left)

    def _delete_idle(self, path: Path) -> bool:
        try:
            with self.open(path.name) as upload:
                upload.discard()
        except Conflict:  # slow, but not idle
            return False
        except UnknownUpload:
            path.unlink(missing_ok=True)  # no name of ours
        return True


class Upload:
    """An upload that a request writes to. Close it, or use it as a context; what was written stays for the next one."""

    def __init__(
        self, uploads: Uploads, layout: ImageLayout, path: Path, descriptor: int, known: "tuple[int, hashlib._Hash]"
    ) -> None:
        self._uploads = uploads
        self._layout = layout
        self._path = path
        self._descriptor = descriptor
        self._gone = False
        self.size, self._hash = known
        self._catch_up()

    def write(self, data: bytes | bytearray) -> None:
        """Take the next piece.

        Raises:
            InvalidChunk: the blob becomes larger than one may be; the upload is gone.
            Unavailable: the disk is full or refuses; the upload is gone, and its space given back.
        """
        if self.size + len(data) > MAX_BLOB_BYTES:
            self.discard()
            raise InvalidChunk(f"a blob of more than {MAX_BLOB_BYTES >> 30} GiB is not taken")
        try:
            with disk_told():
                view = memoryview(data)
                while view:
                    view = view[os.write(self._descriptor, view) :]
        except Unavailable:
            self.discard()
            raise
        self._hash.update(data)
        self.size += len(data)

    def check_room(self, more: int) -> None:
        """Raise Unavailable if the disk has no room for so many more bytes."""
        with disk_told():
            free = shutil.disk_usage(self._path.parent).free
        if more > free:
            raise Unavailable(f"the images' disk is full: {more:,} bytes are to come, and {free:,} are free")

    def commit(self, expected: str) -> int:
        """Make it a blob, and return its size.

        Raises:
            DigestMismatch: the digest of what was written is not ``expected``; the upload is gone.
            UnknownUpload: the workspace was deleted meanwhile, and the upload with it.
            Unavailable: the disk refuses.
        """
        actual = f"sha256:{self._hash.hexdigest()}"
        if actual != expected:
            self.discard()
            raise DigestMismatch(
                f"the {self.size:,} bytes that arrived have digest {actual}, not {expected}: send them again",
                digest=expected,
                actual=actual,
            )
        with _found(self._path.name), disk_told():
            os.fsync(self._descriptor)
            self._layout.adopt(self._path, actual)
        self._gone = True
        return self.size

    def discard(self) -> None:
        """Forget all of it."""
        self._gone = True
        self._path.unlink(missing_ok=True)

    def close(self) -> None:
        if not self._gone:
            self._uploads.remember(self._path.name, self.size, self._hash)
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _catch_up(self) -> None:
        """Read what the digest does not know yet: this process did not write it."""
        size = os.fstat(self._descriptor).st_size
        if self.size > size:
            self.size, self._hash = 0, hashlib.sha256()
        os.lseek(self._descriptor, self.size, os.SEEK_SET)
        while self.size < size and (data := os.read(self._descriptor, CHUNK_BYTES)):
            self._hash.update(data)
            self.size += len(data)


@contextmanager
def _found(name: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise UnknownUpload(
            f"there is no upload {name}: it was finished, cancelled, or left alone for too long: begin another",
            upload=name,
        ) from error


def _lock(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise Conflict(f"another request writes to the upload {path.name}", upload=path.name) from error
    if os.fstat(descriptor).st_nlink == 0 or path.stat().st_ino != os.fstat(descriptor).st_ino:
        raise FileNotFoundError(path)  # it became a blob, or was cancelled, between opening and locking
