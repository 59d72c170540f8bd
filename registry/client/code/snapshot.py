"""A run's code folder as a snapshot: one zip, the same bytes whenever and wherever it is packed.

Nothing is compressed: what zlib writes differs from one version to the next, the digest must not, and the registry
reads single files out of the middle.
"""

import shutil
import stat
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from registry.client.code.code_folder import code_files
from registry.client.code.secret_names import may_be_secret
from registry.core.errors import InvalidInput
from registry.core.paths import check_archive_path
from registry.core.tracking.run_code import MAX_SNAPSHOT_BYTES, MAX_SNAPSHOT_FILES

_MOMENT = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can tell
_ENTRY_BYTES, _END_BYTES = 30 + 46, 22  # what a zip has besides contents and names, of each file and in the end
_LARGEST = 3  # files that an error names


class Packed(NamedTuple):
    """``left_out`` are paths that hold a secret by their names, and links that lead out, and why."""

    files: int
    left_out: dict[str, str]


def pack_snapshot(folder: Path, archive: Path) -> Packed:
    """Write the folder's files as a zip to the new file ``archive``.

    Raises:
        InvalidInput: the folder does not exist, is too large, an ignore file cannot be understood, a file cannot be
            read, or its name cannot travel.
    """
    found = code_files(folder)
    secret = {path: "it may hold a secret" for path in found.paths if may_be_secret(path)}
    paths = [check_archive_path(path) for path in found.paths if path not in secret]
    try:
        _check_size(folder, paths)
        with zipfile.ZipFile(archive, "x", zipfile.ZIP_STORED) as packed:
            for path in paths:
                _pack(packed, folder, path)
    except OSError as error:  # it is not ours to read, or was deleted just now
        raise InvalidInput(f"cannot pack {folder}: {error.filename or folder}: {error.strerror}") from error
    return Packed(len(paths), dict(sorted({**secret, **found.left_out}.items())))


def _pack(packed: zipfile.ZipFile, folder: Path, path: str) -> None:
    entry = zipfile.ZipInfo(path, _MOMENT)
    entry.create_system = 3  # Unix: the mode below counts, wherever this runs
    executable = (folder / path).stat().st_mode & stat.S_IXUSR
    entry.external_attr = (stat.S_IFREG | (0o755 if executable else 0o644)) << 16
    with (folder / path).open("rb") as source, packed.open(entry, "w") as target:
        shutil.copyfileobj(source, target)


def unpack_snapshot(archive: Path, folder: Path) -> int:
    """Make ``folder``, which must not exist yet, of a snapshot's files, and return how many there are.

    It is there whole or not at all.

    Raises:
        InvalidInput: the folder exists or cannot be made, or the zip is none, or holds a path that leads out of it.
    """
    if folder.exists():
        raise InvalidInput(f"{folder} exists already: name a folder that does not", path=str(folder))
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
            files = _unpack(archive, Path(scratch) / "whole")
            (Path(scratch) / "whole").rename(folder)
    except zipfile.BadZipFile as error:
        raise InvalidInput(f"the snapshot is no zip: {error}") from error
    except OSError as error:
        raise InvalidInput(f"cannot make {folder}: {error.strerror}", path=str(folder)) from error
    return files


def _unpack(archive: Path, folder: Path) -> int:
    with zipfile.ZipFile(archive) as packed:
        entries = packed.infolist()
        for entry in entries:
            target = folder / check_archive_path(entry.filename)
            target.parent.mkdir(parents=True, exist_ok=True)
            with packed.open(entry) as source, target.open("xb") as file:
                shutil.copyfileobj(source, file)
            target.chmod(0o755 if entry.external_attr >> 16 & stat.S_IXUSR else 0o644)
    return len(entries)


def _check_size(folder: Path, paths: Sequence[str]) -> None:
    if not paths:
        raise InvalidInput(f"there is nothing in {folder} to record", path=str(folder))
    sizes = {path: (folder / path).stat().st_size for path in paths}
    total = sum(sizes.values()) + sum(_ENTRY_BYTES + 2 * len(path.encode()) for path in paths) + _END_BYTES
    if total > MAX_SNAPSHOT_BYTES or len(paths) > MAX_SNAPSHOT_FILES:
        largest = sorted(sizes, key=lambda path: -sizes[path])[:_LARGEST]
        raise InvalidInput(
            f"{folder} makes a snapshot of {len(paths):,} files and {total:,} bytes, and one has at most "
            f"{MAX_SNAPSHOT_FILES:,} of {MAX_SNAPSHOT_BYTES:,}: list in .slipwayignore what is no code, such as "
            f"{', '.join(largest)}",
            path=str(folder),
        )
