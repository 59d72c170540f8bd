"""Times given on the command line."""

from datetime import UTC, datetime

import typer

from registry.core.errors import InvalidInput

AT_OPTION = typer.Option(None, help="A time, such as 2026-03-01 or 2026-03-01T12:30Z (UTC unless it says).")


def read_at(text: str | None) -> int | None:
    """Return the time of ``--at`` in Unix milliseconds; None if there is none.

    Raises:
        InvalidInput: the text is not a time.
    """
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(f"--at {text!r} is not a time: write 2026-03-01 or 2026-03-01T12:30Z") from error
    if time.tzinfo is None:
        time = time.replace(tzinfo=UTC)
    return max(0, int(time.timestamp() * 1000))
