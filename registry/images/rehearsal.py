"""Have a new image run and its samples answered, by a process: this side never imports what runs images.

The process ends with us: its stdin is a pipe that nobody writes to any more, and the kernel kills it with the thread
that started it. One that does not end by itself in time is killed with all it started.
"""

import contextlib
import importlib.util
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from registry.core.errors import BuildFailed, Unavailable
from registry.core.samples import GoldenAnswers, RehearsalNews, RehearsalOrder

_MODULE = "serving.node.rehearse"
_WITHIN_S = 3600.0  # installing an environment may take half of it; each step has a limit of its own


class Rehearsals:
    """Rehearses images on the node whose folder is ``node``; a replica with the same folder shares environments."""

    def __init__(self, node: Path, command: Sequence[str] = (), within_s: float = _WITHIN_S) -> None:
        self._node = node
        self._command = list(command)
        self._within_s = within_s

    def rehearse(self, name: str, digest: str, folders: Sequence[Path], report: Callable[[str], None]) -> GoldenAnswers:
        """Return the answers to an image's samples. Its blobs lie in ``folders``. Blocks.

        Raises:
            BuildFailed: it cannot be run, or a sample is not answered, or not twice the same; the message says why.
            Unavailable: this installation holds only the control plane.
        """
        order = RehearsalOrder(
            name=name, digest=digest, folders=[str(folder.absolute()) for folder in folders], node=str(self._node)
        )
        with tempfile.TemporaryFile() as errors:
            process = subprocess.Popen(
                self._command or _command(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
            )
            overdue = threading.Timer(self._within_s, _kill, [process])
            overdue.start()
            try:
                news = _follow(process, order, report)
            finally:
                in_time = overdue.is_alive()
                overdue.cancel()
                overdue.join()
                _kill(process)
                process.wait()
            if not in_time:
                raise BuildFailed(f"the image's samples were not answered within {self._within_s:g} s")
            if news.golden is not None:
                return news.golden
            errors.seek(0)
            raise BuildFailed(news.error or _broke_off(process.returncode, errors.read()))


def _command() -> list[str]:
    if importlib.util.find_spec("serving") is None:
        raise Unavailable("images with sample_requests are built where package 'serving' is: it runs them")
    return [sys.executable, "-P", "-m", _MODULE]


def _follow(process: "subprocess.Popen[bytes]", order: RehearsalOrder, report: Callable[[str], None]) -> RehearsalNews:
    """Give the order and pass on lines until the last of the news, or an end without one."""
    assert process.stdin is not None
    assert process.stdout is not None
    with process.stdout, process.stdin:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(msgspec.json.encode(order) + b"\n")
            process.stdin.flush()
        for line in process.stdout:
            try:
                news = msgspec.json.decode(line, type=RehearsalNews)
            except msgspec.MsgspecError:  # killed in the middle of it
                break
            if news.error or news.golden is not None:
                return news
            report(news.line)
    return RehearsalNews()


def _kill(process: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # not reaped before the caller waits: the number is its own


def _broke_off(code: int, errors: bytes) -> str:
    lines = [line for line in errors.decode(errors="replace").splitlines() if line.strip()]
    last = f": {lines[-1].strip()}" if lines else ""
    return f"the process that was to answer the image's samples broke off (exit code {code}){last}"
