"""What this process tells its supervisor: one line when it is ready or has failed, and its status on request."""

from __future__ import annotations

import os
from typing import Optional

import msgspec

PROTOCOL = 1
VERSION = "0.1.0"
EXIT_LOAD_FAILED = 3


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """Sent when both ports listen and the model is loaded. ``grpc_port`` is 0 when gRPC is off; ``provider`` is
    onnxruntime's name of what runs the model, and empty where nothing of onnxruntime's does."""

    protocol: int = PROTOCOL
    state: str = "ready"
    http_port: int
    grpc_port: int
    pid: int
    provider: str = ""


class Failed(msgspec.Struct, frozen=True, kw_only=True):
    """Sent instead of ``Ready``; the process then exits with ``EXIT_LOAD_FAILED``."""

    protocol: int = PROTOCOL
    state: str = "failed"
    error: str


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """Body of ``GET /-/status``. Of those ``in_flight`` so many are ``waiting``; the others are counts since the start:
    requests refused for load, runs begun after their request's deadline, and what a response cache had and had not."""

    protocol: int = PROTOCOL
    state: str
    backend: str
    in_flight: int
    executed: int
    rss_bytes: int
    provider: str = ""
    waiting: int = 0
    refused: int = 0
    executed_after_deadline: int = 0
    cache_hits: int = 0
    cache_misses: int = 0


class Announcer:
    """Write exactly one line to the supervisor's pipe and close it; does nothing when there is none."""

    def __init__(self, fd: Optional[int]) -> None:
        self._fd = fd

    def announce(self, message: msgspec.Struct) -> None:
        if self._fd is None:
            return
        fd, self._fd = self._fd, None
        try:
            os.write(fd, msgspec.json.encode(message) + b"\n")
        except BrokenPipeError:
            pass  # the supervisor went away; the lifeline ends us
        finally:
            os.close(fd)
