"""The end of a log file."""

from pathlib import Path

_TAIL_BYTES = 16_384
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
