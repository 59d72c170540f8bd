"""What becomes of a child that a script forks: it keeps nothing of ours, and ends where it would come back to us."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path
from typing import Optional

_SIGNALS = (signal.SIGTERM, signal.SIGINT)  # that the event loop waits for


class ending_in_children:  # noqa: N801 - a context manager; a generator would cost each request a microsecond more
    """End a child that was forked in here and comes to its end, with its exit code; the process itself goes on."""

    __slots__ = ("_process",)

    def __enter__(self) -> None:
        self._process = os.getpid()

    def __exit__(self, kind: object, error: Optional[BaseException], trace: object) -> None:
        if os.getpid() == self._process:
            return
        code: object = 0 if error is None else 1
        if isinstance(error, SystemExit):
            code = error.code or 0
        os._exit(code if isinstance(code, int) else 1)


def keep_from_children(*ports: int) -> None:
    """Let forked children have none of the sockets at these ports, and not wake our event loop by their signals.

    In the child another file takes each socket's number, which objects of ours may still close. The descriptor that a
    signal is written to is shared: SIGTERM to a child would drain this process, so it waits until that is over.
    """

    def begin() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)

    def go_on() -> None:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)

    def let_go() -> None:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        for entry in list(Path("/proc/self/fd").iterdir()):
            if _local_port(int(entry.name)) in ports:
                os.dup2(nothing, int(entry.name), inheritable=False)
        os.close(nothing)
        go_on()

    os.register_at_fork(before=begin, after_in_parent=go_on, after_in_child=let_go)


def _local_port(descriptor: int) -> int:
    try:
        one = socket.socket(fileno=descriptor)
    except OSError:  # no socket
        return 0
    try:
        return one.getsockname()[1] if one.family in (socket.AF_INET, socket.AF_INET6) else 0
    except OSError:
        return 0
    finally:
        one.detach()
