"""Times given on the command line."""

import re
from datetime import UTC, datetime, timedelta

import typer

from registry.core.errors import InvalidInput

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
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(
            f'--at {text!r} is not a time: write 2026-03-01, 2026-03-01T12:30Z or "2 hours ago"'
        ) from error
    if time.tzinfo is None:
        time = time.replace(tzinfo=UTC)
    return max(0, int(time.timestamp() * 1000))
