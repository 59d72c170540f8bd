"""What belongs to the user's code folder, and the folder as one tar: the same bytes whenever and wherever it is packed.

``.slipwayignore`` (or, without one, Azure ML's ``.amlignore``) at the folder's top lists what stays out, one pattern a
line: shell wildcards for a file's or folder's name, or for a path from the top.

A link counts as what it leads to: folders come from others too, and a link in one may lead to any file of the user's.
"""

import os
import tarfile
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from registry.client.code.secret_names import may_be_secret
from registry.core.errors import InvalidInput
from registry.core.paths import check_archive_path

IGNORE_FILES = (".slipwayignore", ".amlignore")
ALWAYS_IGNORED = (".git", ".venv", ".slipway", "__pycache__", "*.pyc", ".ipynb_checkpoints", *IGNORE_FILES)


class CodeFiles(NamedTuple):
    """Paths below the folder, sorted; ``left_out`` are links that do not belong to it, and why."""

    paths: list[str]
    left_out: dict[str, str]


def pack_folder(folder: Path, archive: Path) -> dict[str, str]:
    """Write the folder's files as a tar to the new file ``archive``, and return the links left out, and why.

    Raises:
        InvalidInput: the folder does not exist, an ignore file cannot be understood, or a file's name cannot travel.
    """
    paths, left_out = code_files(folder)
    with tarfile.open(archive, "x", format=tarfile.PAX_FORMAT) as tar:
        for path in paths:
            file = folder / path
            info = tarfile.TarInfo(check_archive_path(path))
            info.size, info.mode = file.stat().st_size, 0o644
            with file.open("rb") as content:
                tar.addfile(info, content)
    return left_out


def code_files(folder: Path) -> CodeFiles:
    """Return what belongs to the folder.

    Raises:
        InvalidInput: the folder does not exist, or an ignore file cannot be understood.
    """
    if not folder.is_dir():
        raise InvalidInput(f"there is no code folder {folder}", path=str(folder))
    patterns = _patterns(folder)
    found = sorted(_files(folder, patterns))
    faults = {path: _fault_of_link(folder, path, patterns) for path in found if (folder / path).is_symlink()}
    left_out = {path: fault for path, fault in faults.items() if fault}
    return CodeFiles([path for path in found if path not in left_out], left_out)


def _files(folder: Path, patterns: list[str]) -> Iterator[str]:
    for here, folders, files in os.walk(folder):
        inside = Path(here).relative_to(folder)
        folders[:] = [name for name in folders if not _ignored((inside / name).as_posix(), patterns)]
        for name in files:
            path = (inside / name).as_posix()
            if (folder / path).is_file() and not _ignored(path, patterns):
                yield path


def _fault_of_link(folder: Path, path: str, patterns: list[str]) -> str:
    """Return why what a link leads to does not belong to the folder; "" if it does."""
    top, target = folder.resolve(), (folder / path).resolve()
    if not target.is_relative_to(top):
        return "it is a link out of the folder"
    inside = target.relative_to(top)
    if may_be_secret(inside.as_posix()):
        return "it is a link to what may hold a secret"
    if any(_ignored(one.as_posix(), patterns) for one in (inside, *inside.parents[:-1])):
        return "it is a link to what is ignored"
    return ""


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
