"""Whether the git directory that a folder's ``.git`` leads to is the folder's own.

Folders come from others too, and ``.git`` may be a file that names any repository of the user's: what that one has and
the folder lacks would be the folder's uncommitted changes. Objects may be shared, as ``git clone --shared`` does: who
borrows them needs to know a commit's id.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from registry.client.code.git_command import Git
from registry.core.errors import InvalidInput

_MAX_PATH_BYTES = 4096
_LEADING = ("HEAD", "config", "index", "packed-refs", "refs", "reftable")  # what says which objects are shown


def check_own(git: Git) -> None:
    """Raise InvalidInput unless the repository at git's top points back to that folder, and no link leads out of it."""
    door = git.top / ".git"
    directory = door if door.is_dir() else git.top / _read_path(door).removeprefix("gitdir: ")
    common = _common(directory.resolve())
    if not _points_back(git, door, directory.resolve()) or common is None:
        raise InvalidInput(
            f"{door} leads to a repository that is not the folder's own: `git worktree repair` mends a moved one",
            path=str(door),
        )
    for file in (*_leading(directory), *_leading(common)):
        if file.is_symlink() and not file.resolve().is_relative_to(common):
            raise InvalidInput(f"{file} is a link out of the repository", path=str(file))


def _points_back(git: Git, door: Path, directory: Path) -> bool:
    if directory == door:
        return True
    if (directory / "gitdir").is_file():  # a worktree
        return (directory / _read_path(directory / "gitdir")).resolve() == door
    worktree = git.say("config", "--get", "core.worktree")  # a submodule
    return bool(worktree) and (directory / worktree).resolve() == git.top


def _common(directory: Path) -> Path | None:
    """Return where the repository's refs are; None where that is another repository's than ``directory`` lies in."""
    if not (directory / "commondir").exists():
        return directory
    common = (directory / _read_path(directory / "commondir")).resolve()
    return common if directory.parent == common / "worktrees" else None


def _leading(directory: Path) -> Iterator[Path]:
    for name in _LEADING:
        yield directory / name
        for here, folders, files in os.walk(directory / name):
            yield from (Path(here) / one for one in (*folders, *files))


def _read_path(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return os.fsdecode(opened.read(_MAX_PATH_BYTES)).strip()
    except OSError as error:
        raise InvalidInput(f"cannot read {file}: {error.strerror}", path=str(file)) from error
