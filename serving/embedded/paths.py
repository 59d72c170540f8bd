"""Where a workspace keeps its things on this machine."""

import hashlib
import os
import stat
from pathlib import Path

import msgspec

from registry.core.errors import InvalidInput


class WorkspacePaths(msgspec.Struct, frozen=True):
    """All below ``home`` (``.slipway``), but for ``runtime``: sockets and Ray's files need a short private path."""

    home: Path

    @property
    def workspace_file(self) -> Path:
        return self.home / "workspace.json"

    @property
    def run(self) -> Path:
        return self.home / "run"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def secrets(self) -> Path:
        return self.home / "secrets"

    @property
    def runtime(self) -> Path:
        """A folder of at most 40 characters: a socket's path over 107 bytes fails, and Ray adds 60 of its own."""
        mark = hashlib.sha256(str(self.home).encode()).hexdigest()[:8]
        return Path("/tmp") / f"slipway-{os.getuid()}-{mark}"  # noqa: S108 - made private and checked below


def workspace_paths(folder: Path) -> WorkspacePaths:
    """Return the paths of the workspace in ``folder``, made absolute."""
    return WorkspacePaths(folder.resolve())


def make_private(folder: Path) -> Path:
    """Make ``folder`` readable by its owner alone.

    Raises:
        InvalidInput: it cannot be made, or exists and belongs to somebody else, or is a file or a link.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        state = folder.lstat()
        if not stat.S_ISDIR(state.st_mode) or state.st_uid != os.getuid():
            raise InvalidInput(f"{folder} belongs to somebody else: remove it, or choose another --dir")
        folder.chmod(0o700)
    except FileExistsError as error:
        raise InvalidInput(f"{folder} is a file: choose a folder with --dir") from error
    except OSError as error:
        raise InvalidInput(f"cannot make the folder {folder}: {error.strerror}; choose another --dir") from error
    return folder
