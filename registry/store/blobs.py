"""Blobs named by their content, on any object store obstore can open. Paths are an OCI layout's: blobs/sha256/<hex>.

A blob is written under ``incoming/`` and renamed when whole and verified: its name never shows part of it.
"""

import hashlib
import logging
import re
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qsl, unquote, urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore, from_url

from registry.core.errors import InvalidInput, NotFound, SlipwayError, Unavailable
from registry.core.names import check_name
from registry.store.faults import first_line

CHUNK_BYTES = 1 << 20
PART_BYTES = 5 << 20  # the least that S3 takes as a part
PARTS_AT_ONCE = 2  # of an upload; obstore's own 12 of 10 MB grow the process when the store is slower than the network
# Whoever waits is told that the store is away while he still cares; obstore's own is three minutes.
RETRIES: Any = {"max_retries": 3, "retry_timeout": timedelta(seconds=15)}
CLIENT: Any = {"connect_timeout": "5s", "allow_http": True}  # only an endpoint that was asked for is http
_NO_PLACE = ("NoSuchBucket", "ContainerNotFound")  # not one blob is missing, but where they all lie
_QUERY = re.compile(r"\?\S+")  # of an address in a store's message: it may hold a signature
_log = logging.getLogger("slipway.registry.blobs")


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
    """One blob on its way in. Closed without ``commit``, also by the end of a block, it leaves nothing."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._path = f"{_INCOMING}/{uuid.uuid4().hex}"
        self._writer = obstore.open_writer(store, self._path, buffer_size=PART_BYTES, max_concurrency=PARTS_AT_ONCE)
        self._hash = hashlib.sha256()
        self._size = 0
        self._done = False

    def write(self, data: bytes) -> None:
        """Take the next piece. Raises Unavailable."""
        self._hash.update(data)
        self._size += len(data)
        with _told():
            self._writer.write(data)

    def commit(self, expected: str | None = None) -> StoredBlob:
        """Give the blob its name.

        Raises:
            InvalidInput: the digest of what was written is not ``expected``.
            Unavailable: the store is away or refuses.
        """
        digest = f"sha256:{self._hash.hexdigest()}"
        if expected is not None and digest != expected:
            raise InvalidInput(f"the content's digest is {digest}, not {expected}", expected=expected, actual=digest)
        with _told():
            self._writer.close()
            obstore.rename(self._store, self._path, _path_of(digest))
        self._done = True
        return StoredBlob(digest, self._size)

    def close(self) -> None:
        """Throw away what was written, unless it was committed."""
        if self._done:
            return
        self._done = True
        try:
            # The writer cannot be told to forget its parts: it puts them together, and that is deleted.
            if not self._writer.closed():
                self._writer.close()
            obstore.delete(self._store, self._path)
        except FileNotFoundError:
            return
        except (BaseError, OSError) as error:
            _log.warning("part of an upload may be left at %s: %s", self._path, _words(error))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class Blobs:
    """The narrow port: put, get, stream, exists, size. Safe to use from many threads.

    Each of them raises Unavailable when the store is away or refuses.
    """

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def upload(self) -> Upload:
        """Begin a blob that arrives in pieces."""
        with _told():
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

    def stream(self, digest: str, part: tuple[int, int] | None = None) -> Iterator[bytes]:
        """Return a blob's chunks in order, or those from the first byte of ``part`` to the one before its second.

        Raises NotFound at once, not at the first chunk.
        """
        path = _path_of(check_name("digest", digest))
        with _told(digest):
            result = obstore.get(self._store, path, options={"range": part} if part else {})
        return _chunks(result)

    def size(self, digest: str) -> int:
        """Return a blob's size in bytes. Raises NotFound."""
        path = _path_of(check_name("digest", digest))
        with _told(digest):
            return obstore.head(self._store, path)["size"]

    def entries(self) -> Iterator[BlobEntry]:
        """Return everything the store holds: blobs, and what uploads have left."""
        for folder in (_BLOBS, _INCOMING):
            with _told():
                items = [item for page in obstore.list(self._store, prefix=folder) for item in page]
            for item in items:
                name = item["path"].removeprefix(f"{folder}/")
                digest = f"sha256:{name}" if folder == _BLOBS else None
                written_ms = int(item["last_modified"].timestamp() * 1000)
                yield BlobEntry(digest, item["path"], item["size"], written_ms)

    def remove(self, entry: BlobEntry) -> None:
        """Delete an entry for good. The caller has made sure that nothing refers to it."""
        with _told(), suppress(FileNotFoundError):
            obstore.delete(self._store, entry.path)

    def is_unchanged(self, entry: BlobEntry) -> bool:
        """Say whether an entry is still there as it was listed, and was not written again meanwhile."""
        with _told():
            try:
                written = obstore.head(self._store, entry.path)["last_modified"]
            except FileNotFoundError:
                return False
        return int(written.timestamp()) == entry.written_ms // 1000  # stores tell a header's time in whole seconds

    def exists(self, digest: str) -> bool:
        try:
            self.size(digest)
        except NotFound:
            return False
        return True


def open_blobs(url: str) -> Blobs:
    """Open the store at ``file:///folder`` or ``file://relative/folder`` (made when missing), ``memory://``, or a
    bucket's URL: ``s3://bucket/prefix``, ``az://container/prefix`` or ``gs://bucket/prefix``.

    What such a store is told besides (endpoint, region, keys) comes from the environment, under the names that its own
    tools use, and from the URL's query, which comes first: ``s3://bucket?endpoint=http://minio:9000``.

    Raises:
        InvalidInput: the URL is not one that obstore knows, or something is missing in it.
        Unavailable: the folder cannot be made; the bucket is not there, away, or refuses.
    """
    without, _, _ = url.partition("?")  # keys may follow it
    try:
        if url.startswith("file:"):
            return Blobs(_open_folder(url))
        store = _open_bucket(url)
    except (BaseError, ValueError, TypeError) as error:
        raise InvalidInput(f"cannot use {without!r} for artifacts: {_words(error)}", value=without) from error
    except OSError as error:
        raise Unavailable(f"cannot use {without!r} for artifacts: {_words(error)}") from error
    try:
        with _told():
            next(obstore.list(store, prefix="incoming", chunk_size=1), None)
    except Unavailable as error:
        raise Unavailable(f"cannot use {without!r} for artifacts: {error.message}") from error
    return Blobs(store)


def _open_folder(url: str) -> ObjectStore:
    folder = Path(unquote(url.removeprefix("file:").removeprefix("//")))
    return LocalStore(folder.absolute(), mkdir=True)


def _open_bucket(url: str) -> ObjectStore:
    parts = urlsplit(url)
    if parts.scheme == "memory":
        return from_url(url)
    options: Any = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
    return from_url(parts._replace(query="").geturl(), config=options, client_options=CLIENT, retry_config=RETRIES)


def _chunks(result: "obstore.GetResult") -> Iterator[bytes]:
    with _told():
        for chunk in result.stream(min_chunk_size=CHUNK_BYTES):
            yield bytes(chunk)


def _path_of(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"


@contextmanager
def _told(digest: str | None = None) -> Iterator[None]:
    """Say what the store's errors mean: NotFound for a blob that is missing, Unavailable for everything else."""
    try:
        yield
    except FileNotFoundError as error:
        if digest is None or any(word in str(error) for word in _NO_PLACE):
            raise _away(error) from error
        raise NotFound(f"there is no blob {digest}", digest=digest) from error
    except (BaseError, OSError) as error:
        raise _away(error) from error


def _away(error: Exception) -> SlipwayError:
    return Unavailable(f"the artifacts' store failed: {_words(error)}")


def _words(error: BaseException) -> str:
    return _QUERY.sub("", first_line(error))
