"""Work that a process of its own does for the registry: one order, some lines of news, one answer.

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
from dataclasses import dataclass
from typing import Protocol, TypeVar

import msgspec

from registry.core.errors import BuildFailed, Unavailable
from registry.core.variables import errand_variables


class News(Protocol):
    """A line of JSON on the process' stdout."""

    @property
    def line(self) -> str:
        """What is being done, for a log."""
        ...

    @property
    def error(self) -> str:
        """Why it cannot be done."""
        ...

    @property
    def is_last(self) -> bool:
        """Say whether this is the answer, or an error."""
        ...


N = TypeVar("N", bound=News)


@dataclass(frozen=True)
class Errand:
    """What is run, and how long it may take; ``who`` and ``late`` are how a failure is told."""

    command: Sequence[str]
    within_s: float
    who: str
    late: str


def node_command(module: str, what: str) -> list[str]:
    """Return the command that runs a module of the node's. Raises Unavailable; the message begins with ``what``."""
    if importlib.util.find_spec("serving") is None:
        raise Unavailable(f"{what} where package 'serving' is, and it is not installed here")
    return [sys.executable, "-P", "-m", module]


def run_errand(errand: Errand, order: msgspec.Struct, kind: type[N], report: Callable[[str], None]) -> N:
    """Have a process do ``order`` and return the last of its news, which has the answer. Blocks.

    Raises:
        BuildFailed: it said why it cannot, broke off, or did not end in time.
    """
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            errand.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=errand_variables(os.environ),  # it runs what users wrote, which reads its parent's variables
            start_new_session=True,
        )
        overdue = threading.Timer(errand.within_s, _kill, [process])
        overdue.start()
        try:
            news = _follow(process, order, kind, report)
        finally:
            in_time = overdue.is_alive()
            overdue.cancel()
            overdue.join()
            _kill(process)
            process.wait()
        if not in_time:
            raise BuildFailed(f"{errand.late} within {errand.within_s:g} s")
        errors.seek(0)
        if news is None:
            raise BuildFailed(_broke_off(errand.who, process.returncode, errors.read()))
        if news.error:
            raise BuildFailed(news.error)
        return news


def _follow(
    process: "subprocess.Popen[bytes]", order: msgspec.Struct, kind: type[N], report: Callable[[str], None]
) -> N | None:
    """Give the order and pass on lines until the last of the news; None at an end without one."""
    assert process.stdin is not None
    assert process.stdout is not None
    with process.stdout, process.stdin:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(msgspec.json.encode(order) + b"\n")
            process.stdin.flush()
        for line in process.stdout:
            try:
                news = msgspec.json.decode(line, type=kind)
            except msgspec.MsgspecError:  # killed in the middle of it
                break
            if news.is_last:
                return news
            report(news.line)
    return None


def _kill(process: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # not reaped before the caller waits: the number is its own


def _broke_off(who: str, code: int, errors: bytes) -> str:
    lines = [line for line in errors.decode(errors="replace").splitlines() if line.strip()]
    last = f": {lines[-1].strip()}" if lines else ""
    return f"{who} broke off (exit code {code}){last}"
