"""The user's code folder, as it arrives: a tar made on another machine, of which only plain files are taken."""

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

from registry.core.errors import BuildFailed, InvalidInput
from registry.core.paths import check_archive_path
from registry.images.pack import CHUNK_BYTES, Entry

MAX_FILES = 20_000
MAX_HEADER_BYTES = 16 << 20  # of all files together, which tarfile keeps; a plain file's is 512, a long name's 1536


class _Headers(io.FileIO):
    """A tar as ``tarfile`` reads it: seeks over contents, and headers that cannot take the memory they claim."""

    _left = MAX_HEADER_BYTES

    def read(self, size: int | None = -1, /) -> bytes:
        wanted = MAX_HEADER_BYTES + 1 if size is None or size < 0 else size  # below nothing is all that there is
        self._left -= wanted
        if self._left < 0:
            raise BuildFailed(f"the code folder's archive has more than {MAX_HEADER_BYTES:,} bytes of headers")
        return super().read(size)


def code_entries(archive: Path) -> tuple[Entry, ...]:
    """List the files of an uncompressed tar. They are read from ``archive``, which must stay until they have been.

    Raises:
        BuildFailed: it is no tar, holds too many files, a link, a device, or a path that leads out of the folder.
    """
    entries: list[Entry] = []
    try:
        with _Headers(archive) as file, tarfile.open(fileobj=file, mode="r:") as tar:
            for member in tar:
                if member.isdir():
                    continue
                entries.append(_entry(archive, member))
                if len(entries) > MAX_FILES:
                    raise BuildFailed(
                        f"the code folder has more than {MAX_FILES:,} files: list the others in .amlignore"
                    )
    except (tarfile.TarError, ValueError, EOFError) as error:
        raise BuildFailed(f"the code folder did not arrive as a tar: {error}") from error
    return tuple(entries)


def _entry(archive: Path, member: tarfile.TarInfo) -> Entry:
    if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or member.issparse():
        raise BuildFailed(f"{member.name} in the code folder is not a plain file: links and devices are not taken")
    try:
        path = check_archive_path(member.name.removeprefix("./"))
    except InvalidInput as error:
        raise BuildFailed(error.message) from error
    return Entry(path, member.size, lambda: _read(archive, member.offset_data, member.size))


def _read(archive: Path, offset: int, size: int) -> Iterator[bytes]:
    with archive.open("rb") as stream:
        stream.seek(offset)
        while size > 0 and (chunk := stream.read(min(CHUNK_BYTES, size))):
            size -= len(chunk)
            yield chunk
