"""Find a Python of a minor version on this node: what uv finds, and what pyenv keeps. Never downloads one."""

import os
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import uv

from registry.core.variables import uv_variables
from serving.node.errors import InterpreterMissing

_TIMEOUT_S = 60
_RELEASE = re.compile(r"3\.\d+\.\d+\Z")


class _Found(msgspec.Struct):
    version: str
    path: str | None = None

    @property
    def minor(self) -> str:
        return ".".join(self.version.split(".")[:2])


def uv_environment() -> dict[str, str]:
    """The variables under which this node calls uv."""
    return {**uv_variables(os.environ), "UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "1", "NO_COLOR": "1"}


def find_interpreter(minor: str) -> str:
    """Return the path of a Python ``minor`` ("3.11"): this process' own, else the first that uv finds, else pyenv's.

    Raises:
        InterpreterMissing: there is none; the message lists what there is.
    """
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    if minor == own:
        return sys.executable
    found = [*(python for python in _installed() if python.path), *_of_pyenv()]
    for python in found:
        if python.minor == minor:
            return str(python.path)
    there = sorted({own, *(python.minor for python in found)}, key=lambda text: [int(part) for part in text.split(".")])
    raise InterpreterMissing(
        f"the image needs Python {minor}, and this node has {', '.join(there)}: install it, or rebuild"
    )


def _installed() -> list[_Found]:
    command = [uv.find_uv_bin(), "python", "list", "--only-installed", "--output-format", "json"]
    done = subprocess.run(command, capture_output=True, env=uv_environment(), timeout=_TIMEOUT_S, check=False)
    try:
        return msgspec.json.decode(done.stdout, type=list[_Found])
    except msgspec.MsgspecError:  # uv said on stderr why; having none is the answer that matters here
        return []


def _of_pyenv() -> list[_Found]:
    """List pyenv's releases, the newest first; its shims on PATH run only the versions that somebody has chosen."""
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    folders = [folder for folder in root.glob("versions/3.*") if _RELEASE.match(folder.name)]
    folders.sort(key=lambda folder: [int(part) for part in folder.name.split(".")], reverse=True)
    return [_Found(folder.name, str(folder / "bin/python")) for folder in folders if (folder / "bin/python").exists()]
