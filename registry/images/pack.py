"""Files to the bytes of a tar, the same bytes wherever and whenever it is made.

Sorted by path, parents before children, modification time 0, owner 0 without names, modes 0644, 0755 and 0777 of links.
Contents are streamed, so a model of any size needs constant memory.
"""

import hashlib
import tarfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from registry.core.errors import BuildFailed
from registry.core.paths import check_archive_path

CHUNK_BYTES = 1 << 20
_BLOCK = tarfile.BLOCKSIZE


@dataclass(frozen=True, slots=True)
class Entry:
    """One regular file: its path in the archive, its size, and how to read it (once per call).

    ``sha256`` of its content, where it is known without reading.
    """

    path: str
    size: int
    read: Callable[[], Iterable[bytes]]
    sha256: str | None = None
    executable: bool = False

    def below(self, folder: str) -> "Entry":
        return replace(self, path=f"{folder}/{self.path}")


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link: its path in the archive, and where it leads from the folder it lies in."""

    path: str
    target: str


def entry_of_bytes(path: str, content: bytes) -> Entry:
    return Entry(path, len(content), lambda: (content,), hashlib.sha256(content).hexdigest())


def entry_of_file(path: str, file: Path) -> Entry:
    return Entry(path, file.stat().st_size, lambda: read_chunks(file))


def read_chunks(file: Path) -> Iterator[bytes]:
    with file.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            yield chunk


def tar_chunks(entries: Iterable[Entry | Link]) -> Iterator[bytes]:
    """Yield the archive's bytes.

    Raises:
        InvalidInput: a path is not plain and relative.
        BuildFailed: two entries claim one path, or a file's size changed while it was read.
    """
    files = _by_path(entries)
    for path in sorted(_folders(files) | files.keys()):
        match files.get(path):
            case None:
                yield _header(path, tarfile.DIRTYPE, 0o755)
            case Link(target=target):
                yield _header(path, tarfile.SYMTYPE, 0o777, target=target)
            case Entry() as entry:
                yield _header(path, tarfile.REGTYPE, 0o755 if entry.executable else 0o644, size=entry.size)
                yield from _content(entry)
    yield bytes(2 * _BLOCK)


def _by_path(entries: Iterable[Entry | Link]) -> dict[str, Entry | Link]:
    files: dict[str, Entry | Link] = {}
    for entry in entries:
        if check_archive_path(entry.path) in files:
            raise BuildFailed(f"two files claim {entry.path} in the image", path=entry.path)
        files[entry.path] = entry
    for folder in _folders(files):
        if folder in files:
            raise BuildFailed(f"{folder} is both a file and a folder in the image", path=folder)
    return files


def _folders(files: Iterable[str]) -> set[str]:
    return {str(parent) for path in files for parent in PurePosixPath(path).parents if str(parent) != "."}


def _header(path: str, kind: bytes, mode: int, *, size: int = 0, target: str = "") -> bytes:
    info = tarfile.TarInfo(path)
    info.size = size
    info.type = kind
    info.mode = mode
    info.linkname = target
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")


def _content(entry: Entry) -> Iterator[bytes]:
    seen = 0
    for chunk in entry.read():
        seen += len(chunk)
        yield chunk
    if seen != entry.size:
        raise BuildFailed(
            f"{entry.path} has {seen} bytes where {entry.size} were announced: did it change during the build?",
            path=entry.path,
        )
    if padding := -seen % _BLOCK:
        yield bytes(padding)
