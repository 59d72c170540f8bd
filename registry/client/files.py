"""What lies at a path, as it travels into a version."""

import errno
import os
from pathlib import Path

from registry.core.errors import InvalidInput
from registry.core.paths import check_archive_path


def files_to_import(path: Path) -> list[tuple[str, Path]]:
    """Return the path in the version and the file, of a file or of all below a folder, which keeps its name.

    Raises:
        InvalidInput: there is nothing at the path, or a file's name cannot travel.
    """
    if not path.exists():
        raise InvalidInput(f"cannot read {path}: {os.strerror(errno.ENOENT)}", path=str(path))
    path = path.resolve()
    if path.is_file():
        return [(check_archive_path(path.name), path)]
    files = sorted(file for file in path.rglob("*") if file.is_file())
    if not files:
        raise InvalidInput(f"there is no file at {path}", path=str(path))
    return [(check_archive_path(f"{path.name}/{file.relative_to(path).as_posix()}"), file) for file in files]
