"""Start a server for the tests, and end it with them: by its pid, and by the kernel when pytest itself is killed."""

import ctypes
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

STARTS_S = 60
PR_SET_PDEATHSIG = 1


class Absent(Exception):
    """Why a server cannot be started here."""


def require(reason: Absent) -> NoReturn:
    """Skip aloud what needs a server that is absent; fail where it must not be: in CI, or when told so."""
    if os.environ.get("CI") or os.environ.get("SLIPWAY_REQUIRE_TEST_SERVERS") == "1":
        pytest.fail(f"a server that the tests must have is absent: {reason}", pytrace=False)
    pytest.skip(f"NOT TESTED: {reason}")


def start(
    command: list[str], log: Path, ready: Callable[[], bool], *, user: str | None = None, ends_by: int = signal.SIGTERM
) -> "subprocess.Popen[bytes]":
    """Start a process and return it once it is ready.

    Raises:
        Absent: it ended, or was not ready within a minute; with the last of what it wrote.
    """
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=log.parent,
            user=user,
            group=_group_of(user),
            extra_groups=[] if user else None,
            start_new_session=True,  # Ctrl-C is pytest's: it ends its servers itself
            preexec_fn=lambda: _end_with_parent(ends_by),  # noqa: PLW1509 - no other thread runs yet
        )
    end = time.monotonic() + STARTS_S
    while not ready():
        if process.poll() is not None or time.monotonic() > end:
            stop(process, ends_by)
            raise Absent(f"{Path(command[0]).name} did not start: {log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.05)
    return process


def stop(process: "subprocess.Popen[bytes]", ends_by: int = signal.SIGTERM) -> None:
    """End a process, gently and then for sure."""
    if process.poll() is None:
        process.send_signal(ends_by)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _group_of(user: str | None) -> int | None:
    if user is None:
        return None
    import pwd

    return pwd.getpwnam(user).pw_gid


def _end_with_parent(ends_by: int) -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, ends_by, 0, 0, 0)
