"""Blobs named by their content, on any object store obstore can open. Paths are an OCI layout's: blobs/sha256/<hex>.

A blob is written under ``incoming/`` and renamed when whole and verified: its name never shows part of it.
"""

import hashlib
import uuid
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self
from urllib.parse import unquote

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore, from_url

from registry.core.errors import InvalidInput, NotFound, Unavailable
from registry.core.names import check_name

CHUNK_BYTES = 1 << 20
PART_BYTES = 5 << 20  # the least that S3 takes as a part
PARTS_AT_ONCE = 2  # of an upload; obstore's own 12 of 10 MB grow the process when the store is slower than the network


_BLOBS = "blobs/sha256"
_INCOMING = "incoming"


class StoredBlob(NamedTuple):
    digest: str  # "sha256:" and 64 hexadecimal digits
    size: int


class BlobEntry(NamedTuple):
    """A blob as the store lists it, or an upload that is not whole: then ``digest`` is None."""

    digest: str | None
    path: str
    size: int
    written_ms: int


class Upload:
    """One blob on its way in. Leaving the block without ``commit`` throws away what was written."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._path = f"{_INCOMING}/{uuid.uuid4().hex}"
        self._writer = obstore.open_writer(store, self._path, buffer_size=PART_BYTES, max_concurrency=PARTS_AT_ONCE)
        self._hash = hashlib.sha256()
        self._size = 0
        self._committed = False

    def write(self, data: bytes) -> None:
        self._hash.update(data)
        self._size += len(data)
        self._writer.write(data)

    def commit(self, expected: str | None = None) -> StoredBlob:
        """Give the blob its name.

        Raises:
            InvalidInput: the digest of what was written is not ``expected``.
        """
        digest = f"sha256:{self._hash.hexdigest()}"
        if expected is not None and digest != expected:
            raise InvalidInput(f"the content's digest is {digest}, not {expected}", expected=expected, actual=digest)
        self._writer.close()
        obstore.rename(self._store, self._path, _path_of(digest))
        self._committed = True
        return StoredBlob(digest, self._size)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._committed:
            return
        if not self._writer.closed():
            self._writer.close()
        obstore.delete(self._store, self._path)


class Blobs:
    """The narrow port: put, get, stream, exists, size. Safe to use from many threads."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def upload(self) -> Upload:
        """Begin a blob that arrives in pieces."""
        return Upload(self._store)

    def put(self, data: bytes | Iterable[bytes], expected: str | None = None) -> StoredBlob:
        """Store a blob, whole or in chunks; one that is there already is left as it is.

        Raises:
            InvalidInput: ``expected`` is not the digest of the data.
        """
        with self.upload() as upload:
            for chunk in [data] if isinstance(data, bytes) else data:
                upload.write(chunk)
            return upload.commit(expected)

    def get(self, digest: str) -> bytes:
        """Return a blob whole; for small ones. Raises NotFound."""
        return b"".join(self.stream(digest))

    def stream(self, digest: str) -> Iterator[bytes]:
        """Return a blob's chunks in order. Raises NotFound at once, not at the first chunk."""
        path = _path_of(check_name("digest", digest))
        try:
            result = obstore.get(self._store, path)
        except FileNotFoundError as error:
            raise _missing(digest) from error
        return (bytes(chunk) for chunk in result.stream(min_chunk_size=CHUNK_BYTES))

    def size(self, digest: str) -> int:
        """Return a blob's size in bytes. Raises NotFound."""
        try:
            return obstore.head(self._store, _path_of(check_name("digest", digest)))["size"]
        except FileNotFoundError as error:
            raise _missing(digest) from error

    def entries(self) -> Iterator[BlobEntry]:
        """Return everything the store holds: blobs, and what uploads have left."""
        for folder in (_BLOBS, _INCOMING):
            for page in obstore.list(self._store, prefix=folder):
                for item in page:
                    name = item["path"].removeprefix(f"{folder}/")
                    digest = f"sha256:{name}" if folder == _BLOBS else None
                    written_ms = int(item["last_modified"].timestamp() * 1000)
                    yield BlobEntry(digest, item["path"], item["size"], written_ms)

    def remove(self, entry: BlobEntry) -> None:
        """Delete an entry for good. The caller has made sure that nothing refers to it."""
        with suppress(FileNotFoundError):
            obstore.delete(self._store, entry.path)

    def exists(self, digest: str) -> bool:
        try:
            self.size(digest)
        except NotFound:
            return False
        return True


def open_blobs(url: str) -> Blobs:
    """Open the store at ``file:///folder`` or ``file://relative/folder`` (made when missing), ``memory://``, or a
    bucket's URL.

    Raises:
        InvalidInput: the URL is not one that obstore knows.
        Unavailable: the folder cannot be made.
    """
    try:
        return Blobs(_open_folder(url) if url.startswith("file:") else from_url(url))
    except (BaseError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise InvalidInput(f"cannot use {url!r} for artifacts: {reason}", value=url) from error
    except OSError as error:
        raise Unavailable(f"cannot use {url!r} for artifacts: {str(error).splitlines()[0]}") from error


def _open_folder(url: str) -> ObjectStore:
    folder = Path(unquote(url.removeprefix("file:").removeprefix("//")))
    return LocalStore(folder.absolute(), mkdir=True)


def _path_of(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"


def _missing(digest: str) -> NotFound:
    return NotFound(f"there is no blob {digest}", digest=digest)
