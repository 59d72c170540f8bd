"""Times given on the command line."""

import re
from datetime import UTC, datetime, timedelta

import typer

from registry.core.times import length_s, moment_ms

AT_OPTION = typer.Option(
    None, help='A time, such as 2026-03-01, 2026-03-01T12:30Z (UTC unless it says) or "2 hours ago".'
)

_AGO = re.compile(r"(?P<number>\d{1,6}) *(?P<unit>seconds?|s|minutes?|min|m|hours?|h|days?|d) ago\Z", re.IGNORECASE)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def read_at(text: str | None) -> int | None:
    """Return the time of ``--at`` in Unix milliseconds; None if there is none.

    Raises:
        InvalidInput: the text is not a time.
    """
    if text is None:
        return None
    if ago := _AGO.match(text.strip()):
        span = timedelta(**{_UNITS[ago["unit"][0].lower()]: int(ago["number"])})
        return max(0, int((datetime.now(UTC).timestamp() - span.total_seconds()) * 1000))
    return moment_ms(text, "--at", ', or "2 hours ago"')


def moment_or_length(text: str, option: str) -> int:
    """Return a time, or one that lies a length such as ``30d`` from now, in Unix milliseconds. Raises InvalidInput."""
    if text[-1:] in ("s", "m", "h", "d"):
        return int(datetime.now(UTC).timestamp() * 1000) + length_s(text, option) * 1000
    return moment_ms(text, option, ", or 30d")


def read_ttl(text: str) -> int | None:
    """Return the seconds of ``--ttl`` of what is there already; None for ``never``. Raises InvalidInput."""
    return None if text == "never" else length_s(text, "--ttl")
