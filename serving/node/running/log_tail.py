"""The end of a log file, and what a scoring process wrote there of a request."""

import contextlib
import os
import time
from pathlib import Path

_TAIL_BYTES = 16_384
_SEARCHED_BYTES = 1 << 20
_LINE_LENGTH = 500


def last_line(log: Path, start: int = 0) -> str:
    """Return the last line of ``log`` that is not blank and lies after byte ``start``, or "" if there is none."""
    try:
        with log.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(start, size - _TAIL_BYTES))
            lines = file.read().decode(errors="replace").splitlines()
    except FileNotFoundError:
        return ""
    return next((line.strip()[:_LINE_LENGTH] for line in reversed(lines) if line.strip()), "")


def failure_of(log: Path, request_id: str, start: int = 0) -> str:
    """Return why a request failed, as a scoring process logs it after byte ``start``, or "" if it did not say."""
    mark = f" request {request_id} failed: "
    with log.open("rb") as file:
        file.seek(max(start, file.seek(0, 2) - _SEARCHED_BYTES))
        lines = file.read().decode(errors="replace").splitlines()
    found = [line.partition(mark)[2] for line in lines if mark in line]
    return found[-1][:_LINE_LENGTH] if found else ""


def append_line(log: Path, who: str, text: str) -> None:
    """Write a warning of ours below what a scoring process wrote, in its form; on a full disk that is lost."""
    now_s = time.time()
    moment = f"{time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(now_s))},{int(now_s * 1000) % 1000:03}"
    with contextlib.suppress(OSError), log.open("a") as file:
        file.write(f"{moment} W [{os.getpid()}] slipway.{who} - {text}\n")
