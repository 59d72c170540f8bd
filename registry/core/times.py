"""Times and lengths of time, in the Unix milliseconds that every time of the workspace is counted in."""

import re
from datetime import UTC, datetime

from registry.core.errors import InvalidInput

DAY_MS = 24 * 60 * 60 * 1000

_LENGTH = re.compile(r"([0-9]{1,6})([smhd])\Z")
_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def moment_ms(text: str, path: str, else_write: str = "") -> int:
    """Return a time such as ``2026-03-01`` or ``2026-03-01T12:30Z``, UTC unless it says.

    Raises InvalidInput, which also names what else may be written there.
    """
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(
            f"{path} {text!r} is not a time: write 2026-03-01 or 2026-03-01T12:30Z{else_write}", path=path
        ) from error
    if time.tzinfo is None:
        time = time.replace(tzinfo=UTC)
    return max(0, round(time.timestamp() * 1000))


def moment_text(unix_ms: int) -> str:
    """Return a time as ``moment_ms`` reads it, in UTC."""
    return datetime.fromtimestamp(unix_ms / 1000, UTC).isoformat()


def length_s(text: str, path: str) -> int:
    """Return a length such as ``90s``, ``10m``, ``2h`` or ``30d`` in seconds. Raises InvalidInput."""
    match = _LENGTH.match(text)
    if match is None:
        raise InvalidInput(f"{path} {text!r} is no length of time: write 90s, 10m, 2h or 30d", path=path)
    return int(match[1]) * _UNIT_S[match[2]]


def length_text(seconds: int) -> str:
    """Return a length of time as people write it, in the largest unit that divides it."""
    unit = next(unit for unit in reversed(_UNIT_S) if seconds % _UNIT_S[unit] == 0)
    return f"{seconds // _UNIT_S[unit]}{unit}"
