"""The packages of a lock as files of a layer: a virtual environment as Python's venv lays it out, made without running.

The same lock gives the same bytes on any machine and any day: only wheels are unpacked, nothing is compiled, what uv
notes about the installation is sorted, and scripts name the container's Python instead of this machine's.
"""

import base64
import csv
import hashlib
import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import uv

from registry.core.errors import BuildFailed
from registry.core.variables import uv_variables
from registry.images.lock import PLATFORMS
from registry.images.pack import Entry, Link, entry_of_bytes, entry_of_file

ENVIRONMENT_PATH = "opt/slipway/environment"
_TIMEOUT_S = 1800
# What uv puts before a script: one line, or three where the interpreter's path is long.
_SHEBANG = re.compile(rb"\A(?:#!/bin/sh\n'''exec' [^\n]*\n' '''|#![^\n]*python[^\n]*)\n")


def environment_entries(
    lock: Path, wheels: Path | None, python: str, interpreter: str, architecture: str, folder: Path
) -> Iterator[Entry | Link]:
    """Install the packages of ``lock`` into ``folder``, for the container, and yield the layer's entries.

    ``python`` is the minor version and ``interpreter`` the container's path of it; ``wheels`` is a folder with all of
    the lock's, for an installation without an index.

    Raises:
        BuildFailed: uv cannot install them; the message is its explanation. Or the lock has a variable, for which uv
            would write what it is on this machine.
    """
    if b"${" in lock.read_bytes():
        raise BuildFailed("the image's lock has a variable, and nothing of this machine is put into one: rebuild it")
    _install(lock, wheels, python, architecture, folder)
    site = f"lib/python{python}/site-packages"
    settings = f"home = {interpreter.rpartition('/')[0]}\ninclude-system-site-packages = false\nversion = {python}\n"
    yield entry_of_bytes(f"{ENVIRONMENT_PATH}/pyvenv.cfg", settings.encode())
    yield Link(f"{ENVIRONMENT_PATH}/bin/python", interpreter)
    scripts = {path.name: _script(path) for path in sorted(folder.glob("bin/*")) if path.is_file()}
    for name, content in scripts.items():
        yield replace(entry_of_bytes(f"{ENVIRONMENT_PATH}/bin/{name}", content), executable=True)
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder).as_posix()
        if not path.is_file() or relative.startswith("bin/") or relative == ".lock" or path.suffix == ".pyc":
            continue
        target = f"{ENVIRONMENT_PATH}/{site}/{relative}"
        if path.name == "RECORD" and path.parent.name.endswith(".dist-info"):
            yield entry_of_bytes(target, _record(path.read_text(), scripts))
        else:
            yield replace(entry_of_file(target, path), executable=os.access(path, os.X_OK))


def _install(lock: Path, wheels: Path | None, python: str, architecture: str, folder: Path) -> None:
    command = [
        *(uv.find_uv_bin(), "pip", "install", "--requirements", str(lock), "--target", str(folder)),
        *("--python-version", python, "--python-platform", PLATFORMS[architecture], "--python", sys.executable),
        *("--no-deps", "--require-hashes", "--no-build", "--link-mode", "copy", "--quiet", "--color", "never"),
        *(("--no-index", "--find-links", str(wheels)) if wheels else ()),
    ]
    variables = {**uv_variables(os.environ), "UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "1", "NO_COLOR": "1"}
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=variables,
            cwd="/",
            timeout=_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as timeout:
        raise BuildFailed(f"uv did not install the environment within {_TIMEOUT_S} s") from timeout
    if done.returncode != 0:
        lines = [line.removeprefix("error: ") for line in done.stderr.decode(errors="replace").splitlines() if line]
        reason = "\n".join(line for line in lines if not line.startswith("warning:")) or "it gave no reason"
        raise BuildFailed(f"uv cannot install the environment for Python {python}: {reason}")
    folder.mkdir(exist_ok=True)  # a lock may be empty


def _script(path: Path) -> bytes:
    return _SHEBANG.sub(f"#!/{ENVIRONMENT_PATH}/bin/python\n".encode(), path.read_bytes(), count=1)


def _record(text: str, scripts: dict[str, bytes]) -> bytes:
    """Rewrite a RECORD (PEP 376): scripts lie in the environment's bin, as they are there; nothing is compiled."""
    rows = []
    for row in csv.reader(io.StringIO(text)):
        folder, _, name = row[0].rpartition("/")
        if folder == "bin" and name in scripts:
            digest = base64.urlsafe_b64encode(hashlib.sha256(scripts[name]).digest()).rstrip(b"=").decode()
            rows.append([f"../../../bin/{name}", f"sha256={digest}", str(len(scripts[name]))])
        elif not row[0].endswith(".pyc"):
            rows.append(row)
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(sorted(rows))
    return out.getvalue().encode()
