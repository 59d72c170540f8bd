"""Environments of images: made once per lock file, Python and platform, and shared by all replicas of the node.

A virtual environment holds its own absolute path, so it is made where it stays; the marker ``.ready`` is written last,
and a folder without it is what a killed process left. uv inherits the lock, so it is held as long as uv runs.
"""

import hashlib
import platform
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import uv

from serving.node.errors import EnvironmentFailed
from serving.node.interpreters import find_interpreter, uv_environment
from serving.node.locks import locked

_READY = ".ready"
_TIMEOUT_S = 1800
# A third of a scientific stack is its own tests, which nothing imports.
_NOT_COMPILED = r"/tests/"

Report = Callable[[str], None]


def environment_key(lock: bytes, python: str) -> str:
    """Name the environment of a lock file on this platform."""
    question = "\n".join([hashlib.sha256(lock).hexdigest(), python, platform.machine(), *platform.libc_ver()])
    return hashlib.sha256(question.encode()).hexdigest()[:32]


class Environments:
    """Environments below ``node``, the node's own folder."""

    def __init__(self, node: Path) -> None:
        self._environments = node.absolute() / "environments"
        self._locks = node / "locks"

    def ensure(self, lock: Path, python: str, report: Report) -> Path:
        """Return the Python of the environment that ``lock`` describes, making it first if it is not here. Blocks.

        Raises:
            InterpreterMissing: this node has no Python of that minor version.
            EnvironmentFailed: uv could not install the lock; the message is uv's explanation.
        """
        key = environment_key(lock.read_bytes(), python)
        environment = self._environments / key
        if not (environment / _READY).exists():
            with locked(self._locks / f"environment-{key}") as held:
                if not (environment / _READY).exists():
                    report(f"materialising environment {key} for Python {python}")
                    _make(environment, lock, find_interpreter(python), held)
        return environment / "bin" / "python"


def _make(environment: Path, lock: Path, interpreter: str, held: int) -> None:
    shutil.rmtree(environment, ignore_errors=True)
    environment.parent.mkdir(parents=True, exist_ok=True)
    program = uv.find_uv_bin()
    python = str(environment / "bin" / "python")
    install = [program, "pip", "sync", str(lock), "--python", python, "--require-hashes", "--no-build"]
    install += ["--link-mode", "hardlink", "--quiet", "--allow-empty-requirements"]
    try:
        _run([program, "venv", "--no-project", "--quiet", "--python", interpreter, str(environment)], held)
        if not _succeeds([*install, "--offline"], held):  # what uv has cached needs no index
            _run(install, held)
        _succeeds([python, "-m", "compileall", "-q", "-j", "0", "-x", _NOT_COMPILED, str(environment / "lib")], held)
        (environment / _READY).touch()
    except BaseException:
        shutil.rmtree(environment, ignore_errors=True)
        raise


def _run(command: list[str], held: int) -> None:
    done = _called(command, held)
    if done.returncode != 0:
        lines = [line for line in done.stderr.decode(errors="replace").splitlines() if line.strip()]
        kept = [line.removeprefix("error: ") for line in lines if not line.startswith("warning:")]
        reason = "\n".join(kept) or f"uv ended with {done.returncode}"
        raise EnvironmentFailed(f"the environment cannot be made: {reason}")


def _succeeds(command: list[str], held: int) -> bool:
    return _called(command, held).returncode == 0


def _called(command: list[str], held: int) -> "subprocess.CompletedProcess[bytes]":
    try:
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=uv_environment(),
            cwd="/",  # away from any project's settings
            pass_fds=(held,),
            timeout=_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as timeout:
        raise EnvironmentFailed(f"the environment was not made within {_TIMEOUT_S} s") from timeout
