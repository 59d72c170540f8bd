"""An OCI image layout on disk (image specification 1.1, image-layout.md): blobs by digest, tags in ``index.json``.

A blob is written beside its place, checked, synced and renamed, so a file under ``blobs/`` is always whole; those of a
build come together or not at all. What a killed process left in ``incoming/`` goes when the layout is next opened.
The layout is shared by all images of the workspace; a tag's name in the index is ``image:tag``.
"""

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, NamedTuple

import msgspec

from registry.core.errors import InvalidInput, NotFound
from registry.core.imaging.images import MANIFEST_TYPE, Descriptor, Index, Manifest
from registry.core.names import check_name
from registry.images.keeping.disk import disk_told
from registry.images.keeping.stage import Stage, is_held
from registry.images.pack import CHUNK_BYTES, read_chunks

_REFERENCE = "org.opencontainers.image.ref.name"


class BlobFile(NamedTuple):
    digest: str
    size: int
    written_ms: int


class ImageLayout:
    """The layout in ``folder``, made if it is not there. Safe for several threads and processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.blobs = folder / "blobs" / "sha256"
        self._incoming = folder / "incoming"
        self.uploads = folder / "uploads"  # of blobs that come in pieces: registry/images/pushed/uploads.py
        self.blobs.mkdir(parents=True, exist_ok=True)
        self._incoming.mkdir(exist_ok=True)
        self.uploads.mkdir(exist_ok=True)
        self._sweep()
        marker = folder / "oci-layout"
        if not marker.exists():
            self._replace(marker, b'{"imageLayoutVersion":"1.0.0"}')

    @contextmanager
    def stage(self) -> Iterator[Stage]:
        """Collect blobs, and store them all when the block ends; one that raises stores none.

        Raises:
            Unavailable: the disk is full or refuses.
        """
        with self._locked(), disk_told():
            stage = Stage(self._incoming)
        try:
            yield stage
            with disk_told():
                stage.move(self.blobs)
        finally:
            stage.close()

    def write(self, chunks: Iterable[bytes], *, expected: str | None = None) -> tuple[str, int]:
        """Store a blob and return its digest and size. Writing what is there already is harmless.

        Raises:
            InvalidInput: the bytes do not have the ``expected`` digest; nothing is stored.
            Unavailable: the disk is full or refuses; nothing is stored.
        """
        with self.stage() as stage:
            digest, size = stage.write(chunks)
            if expected is not None and digest != expected:
                raise InvalidInput(f"the blob has digest {digest}, not {expected}", digest=expected, actual=digest)
        return digest, size

    def adopt(self, file: Path, digest: str) -> None:
        """Make a file of the same disk the blob ``digest``. The caller has verified and synced it."""
        with disk_told():
            file.rename(self.blobs / check_name("digest", digest).removeprefix("sha256:"))

    def size(self, digest: str) -> int:
        """Return a blob's size in bytes. Raises NotFound."""
        return self.path(digest).stat().st_size

    def stream(self, digest: str, part: tuple[int, int] | None = None) -> Iterator[bytes]:
        """Return a blob's chunks in order, or those from the first byte of ``part`` to the one before its second.

        Raises NotFound at once, not at the first chunk.
        """
        file = self.path(digest).open("rb", buffering=0)
        start, end = part or (0, os.fstat(file.fileno()).st_size)
        file.seek(start)
        return _chunks(file, end - start)

    def path(self, digest: str) -> Path:
        """Return the file of a blob.

        Raises:
            NotFound: there is none.
        """
        path = self.blobs / check_name("digest", digest).removeprefix("sha256:")
        if not path.is_file():
            raise NotFound(f"there is no blob {digest}", digest=digest)
        return path

    def refresh(self, digest: str) -> None:
        """Make a blob as young as one that was written now, so that it stays until what will refer to it does.

        Raises:
            NotFound: there is none.
        """
        with self._locked():
            os.utime(self.path(digest))

    def manifest(self, digest: str) -> Manifest:
        """Read a manifest.

        Raises:
            NotFound: there is no such blob, or it is no image manifest.
        """
        try:
            return msgspec.json.decode(self.path(digest).read_bytes(), type=Manifest)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise NotFound(f"{digest} is not an image manifest", digest=digest) from error

    def verify(self, digest: str) -> None:
        """Read every blob of an image again.

        Raises:
            NotFound: a blob is missing.
            InvalidInput: a blob's bytes are not those it is named by.
        """
        manifest = self.manifest(digest)
        for blob in (digest, manifest.config.digest, *(layer.digest for layer in manifest.layers)):
            hashed = hashlib.sha256()
            for chunk in read_chunks(self.path(blob)):
                hashed.update(chunk)
            if f"sha256:{hashed.hexdigest()}" != blob:
                raise InvalidInput(f"blob {blob} of image {digest} is damaged", digest=digest, blob=blob)

    def tag(self, reference: str, digest: str, media_type: str = MANIFEST_TYPE) -> None:
        """Point ``image:tag`` at a manifest, so that tools which read layouts find it."""
        size, names = self.size(digest), {_REFERENCE: reference}
        self._point(reference, [Descriptor(media_type=media_type, digest=digest, size=size, annotations=names)])

    def untag(self, reference: str) -> None:
        """Let ``image:tag`` point at nothing."""
        self._point(reference, [])

    def _point(self, reference: str, at: list[Descriptor]) -> None:
        with self._locked():
            others = [entry for entry in self.index().manifests if entry.annotations.get(_REFERENCE) != reference]
            manifests = sorted([*others, *at], key=lambda entry: entry.annotations.get(_REFERENCE, ""))
            self._replace(self.folder / "index.json", msgspec.json.encode(Index(manifests=manifests)))

    def index(self) -> Index:
        path = self.folder / "index.json"
        return msgspec.json.decode(path.read_bytes(), type=Index) if path.exists() else Index()

    def forget(self, digests: Collection[str]) -> None:
        """Take manifests out of the index; their blobs stay."""
        with self._locked():
            index = self.index()
            kept = [entry for entry in index.manifests if entry.digest not in digests]
            if len(kept) < len(index.manifests):
                self._replace(self.folder / "index.json", msgspec.json.encode(Index(manifests=kept)))

    def entries(self) -> Iterator[BlobFile]:
        """Give every blob."""
        for file in sorted(self.blobs.iterdir()):
            yield from self._entry(file)

    def _entry(self, file: Path) -> Iterator[BlobFile]:
        with suppress(FileNotFoundError):  # removed meanwhile
            status = file.stat()
            yield BlobFile(f"sha256:{file.name}", status.st_size, status.st_mtime_ns // 1_000_000)

    def is_unchanged(self, blob: BlobFile) -> bool:
        """Say whether a blob is still there as it was listed, and was not written again meanwhile."""
        return any(one == blob for one in self._entry(self.blobs / blob.digest.removeprefix("sha256:")))

    def remove(self, digest: str) -> None:
        """Delete a blob for good; the caller has made sure that nothing refers to it. One that is not there is fine."""
        (self.blobs / check_name("digest", digest).removeprefix("sha256:")).unlink(missing_ok=True)

    def remove_left_over(self, blob: BlobFile) -> bool:
        """Delete a blob unless it became young since it was looked at, and say whether it is gone."""
        with self._locked(), suppress(NotFound):
            path = self.path(blob.digest)
            if path.stat().st_mtime_ns // 1_000_000 > blob.written_ms:
                return False
            path.unlink()
        return True

    def discard_uploads(self) -> None:
        """Give up the blobs that are on their way in, in pieces."""
        for file in self.uploads.iterdir():
            file.unlink(missing_ok=True)

    def _sweep(self) -> None:
        with self._locked():
            for left in self._incoming.iterdir():
                if left.is_dir() and not is_held(left):
                    shutil.rmtree(left, ignore_errors=True)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with (self.folder / ".lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _replace(self, path: Path, content: bytes) -> None:
        with disk_told(), tempfile.NamedTemporaryFile(dir=self._incoming, delete=False) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(file.name).rename(path)


def _chunks(file: IO[bytes], size: int) -> Iterator[bytes]:
    with file:
        while size > 0 and (chunk := file.read(min(CHUNK_BYTES, size))):
            size -= len(chunk)
            yield chunk
