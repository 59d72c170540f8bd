"""The user's code folder, as it arrives: a tar made on another machine, of which only plain files are taken."""

import tarfile
from collections.abc import Iterator
from pathlib import Path

from registry.core.errors import BuildFailed, InvalidInput
from registry.core.paths import check_archive_path
from registry.core.tar_headers import BoundedTar
from registry.images.pack import CHUNK_BYTES, Entry

MAX_FILES = 20_000


def code_entries(archive: Path) -> tuple[Entry, ...]:
    """List the files of an uncompressed tar. They are read from ``archive``, which must stay until they have been.

    Raises:
        BuildFailed: it is no tar, holds too many files, a link, a device, or a path that leads out of the folder.
    """
    entries: list[Entry] = []
    try:
        with archive.open("rb") as file, BoundedTar(file) as tar:
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
