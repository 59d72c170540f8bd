"""Environments of images: made once per lock file, Python and platform, and shared by all replicas of the node.

A virtual environment holds its own absolute path, so it is made where it stays; its record is written last, and a
folder without it is what a killed process left. uv inherits the locks, so they are held as long as uv runs.
"""

import errno
import hashlib
import os
import platform
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import msgspec
import uv

from registry.core.variables import machine_variables
from serving.node.errors import DiskRefused, EnvironmentFailed
from serving.node.keeping.interpreters import find_interpreter, uv_environment
from serving.node.keeping.kept import RECORD, KeptEnvironment
from serving.node.keeping.locks import Hold
from serving.node.keeping.room import Room

_TIMEOUT_S = 1800
_DISK_FULL = f"(os error {errno.ENOSPC})"  # as uv says it
# A third of a scientific stack is its own tests, which nothing imports.
_NOT_COMPILED = r"/tests/"

Report = Callable[[str], None]


def environment_key(lock: bytes, python: str) -> str:
    """Name the environment of a lock file on this platform."""
    question = "\n".join([hashlib.sha256(lock).hexdigest(), python, platform.machine(), *platform.libc_ver()])
    return hashlib.sha256(question.encode()).hexdigest()[:32]


class Environments:
    """Environments of a node."""

    def __init__(self, room: Room) -> None:
        self._room = room

    def ensure(self, lock: Path, python: str, wheels: Path, report: Report) -> tuple[Path, Hold]:
        """Return the Python of the environment that ``lock`` describes, made first if it is not here, and a hold that
        keeps it. Blocks. A folder ``wheels``, if there is one, has all that is to be installed.

        Raises:
            InterpreterMissing: this node has no Python of that minor version.
            EnvironmentFailed: uv could not install the lock; the message is uv's explanation. Or the lock has a
                variable, for which uv would write what it is on this machine.
            DiskRefused: the disk is full, or refuses to write.
        """
        locked = lock.read_bytes()
        if b"${" in locked:
            raise EnvironmentFailed(
                "the image's lock has a variable, and nothing of this node is put into one: rebuild it"
            )
        key = environment_key(locked, python)
        entries = self._room.environments
        environment = entries.path(key)

        def make(_tmp: Path, inherit: tuple[int, int]) -> None:
            report(f"materialising environment {key} for Python {python}")
            shutil.rmtree(environment, ignore_errors=True)
            try:
                _make(environment, lock, wheels, find_interpreter(python), inherit)
                record = KeptEnvironment(python=python, size_bytes=_size_bytes(environment))
                (environment / RECORD).write_bytes(msgspec.json.encode(record))
            except BaseException:
                shutil.rmtree(environment, ignore_errors=True)
                raise
            self._room.make(0)

        hold = entries.ensure(key, lambda: self._room.environment(key) is not None, make)
        return environment / "bin" / "python", hold


def _make(environment: Path, lock: Path, wheels: Path, interpreter: str, inherit: tuple[int, int]) -> None:
    environment.parent.mkdir(parents=True, exist_ok=True)
    program = uv.find_uv_bin()
    python = str(environment / "bin" / "python")
    install = [program, "pip", "sync", str(lock), "--python", python, "--require-hashes", "--no-build"]
    install += ["--link-mode", "hardlink", "--quiet", "--allow-empty-requirements"]
    _run([program, "venv", "--no-project", "--quiet", "--python", interpreter, str(environment)], inherit)
    if wheels.is_dir():
        _run([*install, "--offline", "--no-index", "--find-links", str(wheels)], inherit)
    elif not _succeeds([*install, "--offline"], inherit):  # what uv has cached needs no index
        _run(install, inherit)
    # Without site and its .pth files: nothing of a package runs before its image does.
    compile_all = [python, "-I", "-S", "-m", "compileall", "-q", "-j", "0", "-x", _NOT_COMPILED]
    _called([*compile_all, str(environment / "lib")], inherit, machine_variables(os.environ))


def _size_bytes(folder: Path) -> int:
    return sum(Path(here, name).lstat().st_blocks * 512 for here, _, names in os.walk(folder) for name in names)


def _run(command: list[str], inherit: tuple[int, int]) -> None:
    done = _called(command, inherit, uv_environment())
    if done.returncode != 0:
        lines = [line for line in done.stderr.decode(errors="replace").splitlines() if line.strip()]
        kept = [line.removeprefix("error: ") for line in lines if not line.startswith("warning:")]
        reason = "\n".join(kept) or f"uv ended with {done.returncode}"
        if _DISK_FULL in reason:
            raise DiskRefused(
                f"the environment cannot be made: {reason}: free some space, or keep less with --node-cache-gb"
            )
        raise EnvironmentFailed(f"the environment cannot be made: {reason}")


def _succeeds(command: list[str], inherit: tuple[int, int]) -> bool:
    return _called(command, inherit, uv_environment()).returncode == 0


def _called(
    command: list[str], inherit: tuple[int, int], variables: dict[str, str]
) -> "subprocess.CompletedProcess[bytes]":
    try:
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=variables,
            cwd="/",  # away from any project's settings
            pass_fds=inherit,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as timeout:
        raise EnvironmentFailed(f"the environment was not made within {_TIMEOUT_S} s") from timeout
