"""Read snapshots: zips of uncompressed files, so that a file's bytes are a range of the blob and nothing can swell."""

import hashlib
import struct
import tempfile
import zipfile
from typing import IO

from registry.core.errors import InvalidInput, Unavailable
from registry.core.paths import check_archive_path
from registry.core.tracking.run_code import MAX_SNAPSHOT_BYTES, MAX_SNAPSHOT_FILES, Snapshot, SnapshotFile
from registry.store.blobs import Blobs

CHUNK_BYTES = 1 << 20
_LOCAL_HEADER = struct.Struct("<4s22xHH")  # signature, then what the central directory says too, then two lengths
_SIGNATURE = b"PK\x03\x04"


def read_snapshot(blobs: Blobs, digest: str) -> Snapshot:
    """Return what an uploaded zip holds.

    Raises:
        NotFound: there is no such blob.
        InvalidInput: it is no zip, is too large, holds too much, or a file that is compressed, no plain file, or
            would lie outside of its folder.
        Unavailable: the store is away, or there is no room to look at it.
    """
    size = blobs.size(digest)
    if size > MAX_SNAPSHOT_BYTES:
        raise InvalidInput(f"the snapshot has {size:,} bytes: at most {MAX_SNAPSHOT_BYTES:,}", digest=digest)
    with tempfile.TemporaryFile() as file:
        try:
            for chunk in blobs.stream(digest):
                file.write(chunk)
            file.flush()
        except OSError as error:
            raise Unavailable(f"the disk for temporary files refuses the snapshot: {error.strerror}") from error
        try:
            files = _read_files(file, size)
        except (zipfile.BadZipFile, struct.error, OSError, EOFError, ValueError, NotImplementedError) as error:
            raise InvalidInput(f"the snapshot cannot be read as a zip: {error}", digest=digest) from error
    return Snapshot(digest=digest, size=size, files=files)


def _read_files(file: IO[bytes], size: int) -> list[SnapshotFile]:
    with zipfile.ZipFile(file) as archive:
        entries = sorted((one for one in archive.infolist() if not one.is_dir()), key=lambda one: one.filename)
    if len(entries) > MAX_SNAPSHOT_FILES:
        raise InvalidInput(f"the snapshot holds {len(entries):,} files: at most {MAX_SNAPSHOT_FILES:,}")
    paths = [check_archive_path(one.filename) for one in entries]
    if len(set(paths)) < len(paths) or any(_above(path) & set(paths) for path in paths):
        raise InvalidInput("the snapshot holds a path twice, or one that is a folder too")
    if sum(one.file_size for one in entries) > size:
        raise InvalidInput("the snapshot's files are larger than the snapshot: write them without compression")
    return [_read_file(file, one) for one in entries]


def _read_file(file: IO[bytes], entry: zipfile.ZipInfo) -> SnapshotFile:
    if entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size or entry.flag_bits & 1:
        raise InvalidInput(f"{entry.filename!r} in the snapshot is compressed or encrypted: store it as it is")
    file.seek(entry.header_offset)
    signature, name_bytes, extra_bytes = _LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))
    if signature != _SIGNATURE:
        raise zipfile.BadZipFile(f"there is no file at {entry.header_offset}")
    offset = entry.header_offset + _LOCAL_HEADER.size + name_bytes + extra_bytes
    file.seek(offset)
    hashed, left = hashlib.sha256(), entry.file_size
    while left:
        chunk = file.read(min(left, CHUNK_BYTES))
        if not chunk:
            raise EOFError("it is cut off")
        hashed.update(chunk)
        left -= len(chunk)
    return SnapshotFile(path=entry.filename, sha256=hashed.hexdigest(), size=entry.file_size, offset=offset)


def _above(path: str) -> set[str]:
    parts = path.split("/")
    return {"/".join(parts[:depth]) for depth in range(1, len(parts))}


def read_file(blobs: Blobs, snapshot: Snapshot, file: SnapshotFile) -> bytes:
    """Return the content of a small file of a snapshot. Raises NotFound if the blob has gone."""
    if not file.size:
        return b""
    return b"".join(blobs.stream(snapshot.digest, (file.offset, file.offset + file.size)))
