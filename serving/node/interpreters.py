"""Find a Python of a minor version on this node. Never downloads one."""

import os
import subprocess
import sys

import msgspec
import uv

from serving.node.errors import InterpreterMissing

_TIMEOUT_S = 60
# Settings of the environment that this process happens to run in must not steer another one's making.
_FOREIGN_VARIABLES = {"UV_PYTHON", "UV_PROJECT_ENVIRONMENT", "VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME"}


class _Found(msgspec.Struct):
    version: str
    path: str | None = None


def uv_environment() -> dict[str, str]:
    """The variables under which this node calls uv."""
    kept = {name: value for name, value in os.environ.items() if name not in _FOREIGN_VARIABLES}
    return {**kept, "UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "1", "NO_COLOR": "1"}


def find_interpreter(minor: str) -> str:
    """Return the path of a Python ``minor`` ("3.11"): this process' own if it is one, else the first that uv finds.

    Raises:
        InterpreterMissing: there is none; the message lists what there is.
    """
    if minor == f"{sys.version_info.major}.{sys.version_info.minor}":
        return sys.executable
    found = [python for python in _installed() if python.path]
    for python in found:
        if python.version.startswith(f"{minor}."):
            return str(python.path)
    there = {f"{sys.version_info.major}.{sys.version_info.minor}", *(".".join(p.version.split(".")[:2]) for p in found)}
    versions = ", ".join(sorted(there, key=lambda version: [int(part) for part in version.split(".")]))
    raise InterpreterMissing(f"the image needs Python {minor}, and this node has {versions}: install it, or rebuild")


def _installed() -> list[_Found]:
    command = [uv.find_uv_bin(), "python", "list", "--only-installed", "--output-format", "json"]
    done = subprocess.run(command, capture_output=True, env=uv_environment(), timeout=_TIMEOUT_S, check=False)
    try:
        return msgspec.json.decode(done.stdout, type=list[_Found])
    except msgspec.MsgspecError:  # uv said on stderr why; having none is the answer that matters here
        return []
