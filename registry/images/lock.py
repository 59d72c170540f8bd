"""Requirements to a lock file with hashes, resolved by uv for the image's own Python and platform.

Only wheels are considered: nothing of a package runs where images are built, and what installs here installs on the
node. Index addresses come from the machine's own uv settings and never enter the lock.
"""

import hashlib
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import uv

from registry.core.errors import BuildFailed
from registry.core.imaging.descriptions import PYTHON_MINOR
from registry.core.imaging.images import Runtime
from registry.core.variables import uv_variables

ONNX_REQUIREMENTS: tuple[str, ...] = ("onnxruntime>=1.16",)

PLATFORMS = {"amd64": "x86_64-manylinux_2_28", "arm64": "aarch64-manylinux_2_28"}
_REQUIREMENT = re.compile(
    r"[A-Za-z0-9](?:[-_.A-Za-z0-9]*[A-Za-z0-9])?"  # name
    r"\s*(?:\[[-_.,\sA-Za-z0-9]*\])?"  # extras
    r"\s*(?:$|[<>=!~;(]|@\s*https://|--hash=)"  # version, marker, or a wheel's own address
)
_TIMEOUT_S = 300


def check_requirements(text: str) -> list[str]:
    """Return the requirement lines of ``text`` without comments, continuation lines joined.

    Raises:
        BuildFailed: a line is an option (``-r``, ``--index-url``…), a local path or otherwise no requirement, or has a
            variable, for which uv would write what it is on this machine.
    """
    lines = []
    for number, line in enumerate(text.replace("\\\r\n", " ").replace("\\\n", " ").splitlines(), start=1):
        requirement = re.sub(r"(^|\s)#.*", "", line).strip()
        if not requirement:
            continue
        if not _REQUIREMENT.match(requirement):
            raise BuildFailed(
                f"requirements, line {number}: {requirement!r} is not a requirement that an image can hold: write "
                "NAME, NAME==VERSION or NAME @ https://…, without options and local paths",
                line=number,
            )
        if "${" in requirement:
            raise BuildFailed(
                f"requirements, line {number}: {requirement!r} has a variable, and an image holds nothing of the "
                "machine that builds it: write out what stands for ${…}",
                line=number,
            )
        lines.append(requirement)
    return lines


def check_python(version: str) -> str:
    """Return ``version`` if it is a minor version that an image may ask for, 3.9 or newer.

    Raises:
        BuildFailed: it is not.
    """
    if not PYTHON_MINOR.match(version):
        raise BuildFailed(f"python is {version!r}: write a minor version from 3.9 on, such as '3.11'", python=version)
    return version


def own_requirements(scoring: str, runtime: Runtime) -> list[str]:
    """List what an image needs beside the user's requirements: the scoring process' list, and the runtime's."""
    return [*check_requirements(scoring), *(ONNX_REQUIREMENTS if runtime is Runtime.ONNX else ())]


class Locks:
    """Lock files by what they were resolved from, so that a second build of the same inputs has the same lock."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def resolve(self, requirements: list[str], own: list[str], python: str, architecture: str) -> bytes:
        """Return the lock file of ``requirements`` and ``own`` together, resolved now or remembered.

        Raises:
            BuildFailed: they cannot be resolved; the message is uv's explanation.
        """
        question = "\n".join([python, architecture, *requirements, *own])
        remembered = self._folder / f"{hashlib.sha256(question.encode()).hexdigest()}.lock"
        if remembered.exists():
            return remembered.read_bytes()
        lock = compile_lock(requirements, own, python, architecture)
        self._folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=self._folder, prefix="new-", delete=False) as file:
            file.write(lock)
        Path(file.name).rename(remembered)
        return lock


def compile_lock(requirements: list[str], own: list[str], python: str, architecture: str) -> bytes:
    """Ask uv for the lock file: one exact version per package, with the hashes of all its wheels, sorted.

    Raises:
        BuildFailed: they cannot be resolved, or it took longer than five minutes.
    """
    options = ["-", "--generate-hashes", "--no-header", "--no-annotate", "--no-build"]
    target = ["--python-version", check_python(python), "--python-platform", PLATFORMS[architecture]]
    text = "".join(line + "\n" for line in [*requirements, *own])
    done = run_uv(["pip", "compile", *options, *target], text.encode())
    if done.returncode != 0:
        raise BuildFailed(f"the requirements cannot be resolved for Python {python}: {_explanation(done.stderr, own)}")
    return done.stdout


def run_uv(arguments: list[str], text: bytes) -> "subprocess.CompletedProcess[bytes]":
    """Run uv on ``text``, away from any project's settings, and return how it ended.

    Raises:
        BuildFailed: it took longer than five minutes.
    """
    command = [uv.find_uv_bin(), *arguments, "--quiet", "--color", "never"]
    command += ["--python", sys.executable, "--no-python-downloads"]
    with tempfile.TemporaryDirectory(prefix="slipway-lock-") as empty:  # no pyproject.toml or uv.toml in reach
        try:
            return subprocess.run(
                command,
                input=text,
                capture_output=True,
                cwd=empty,
                env=uv_variables(os.environ),
                timeout=_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired as timeout:
            raise BuildFailed(f"uv did not resolve the requirements within {_TIMEOUT_S} s") from timeout


def _explanation(stderr: bytes, own: list[str]) -> str:
    lines = [line.rstrip() for line in stderr.decode(errors="replace").splitlines()]
    kept = [line.removeprefix("error: ") for line in lines if line and not line.startswith("warning:")]
    text = "\n".join(kept) or "uv gave no reason"
    named = [requirement for requirement in own if requirement in text]
    return f"{text}\n({', '.join(named)}: what the scoring process itself needs)" if named else text
