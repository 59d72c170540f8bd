"""What belongs to the user's code folder, and the folder as one tar: the same bytes whenever and wherever it is packed.

``.slipwayignore`` (or, without one, Azure ML's ``.amlignore``) at the folder's top lists what stays out, one pattern a
line: shell wildcards for a file's or folder's name, or for a path from the top.
"""

import os
import tarfile
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from registry.core.errors import InvalidInput
from registry.core.paths import check_archive_path

IGNORE_FILES = (".slipwayignore", ".amlignore")
ALWAYS_IGNORED = (".git", ".venv", ".slipway", "__pycache__", "*.pyc", ".ipynb_checkpoints", *IGNORE_FILES)


def pack_folder(folder: Path, archive: Path) -> None:
    """Write the folder's files as a tar to the new file ``archive``.

    Raises:
        InvalidInput: the folder does not exist, an ignore file cannot be understood, or a file's name cannot travel.
    """
    paths = code_files(folder)
    with tarfile.open(archive, "x", format=tarfile.PAX_FORMAT) as tar:
        for path in paths:
            file = folder / path
            info = tarfile.TarInfo(check_archive_path(path))
            info.size, info.mode = file.stat().st_size, 0o644
            with file.open("rb") as content:
                tar.addfile(info, content)


def code_files(folder: Path) -> list[str]:
    """Return the paths below the folder that belong to it, sorted.

    Raises:
        InvalidInput: the folder does not exist, or an ignore file cannot be understood.
    """
    if not folder.is_dir():
        raise InvalidInput(f"there is no code folder {folder}", path=str(folder))
    return sorted(_files(folder, _patterns(folder)))


def _files(folder: Path, patterns: list[str]) -> Iterator[str]:
    for here, folders, files in os.walk(folder):
        inside = Path(here).relative_to(folder)
        folders[:] = [name for name in folders if not _ignored((inside / name).as_posix(), patterns)]
        for name in files:
            path = (inside / name).as_posix()
            if (folder / path).is_file() and not _ignored(path, patterns):
                yield path


def _ignored(path: str, patterns: list[str]) -> bool:
    name = path.rpartition("/")[2]
    return any(fnmatchcase(path if "/" in pattern else name, pattern.removeprefix("/")) for pattern in patterns)


def _patterns(folder: Path) -> list[str]:
    file = next((folder / name for name in IGNORE_FILES if (folder / name).is_file()), None)
    patterns = list(ALWAYS_IGNORED)
    for number, line in enumerate(file.read_text().splitlines() if file else [], start=1):
        pattern = line.strip()
        if not pattern or pattern.startswith("#"):
            continue
        if pattern.startswith("!"):
            raise InvalidInput(f"{file}, line {number}: exceptions with '!' are not supported: list what stays out")
        patterns.append(pattern.rstrip("/"))
    return patterns
