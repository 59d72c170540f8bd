"""What the id of a request may be, at every port: it comes back in headers or trailers, and these have bounds."""

from __future__ import annotations

MAX_ID = 100  # characters, as at Azure ML's server


def is_id(given: object) -> bool:
    """Say whether a trailer can hold it: printable ASCII, and not too long."""
    return isinstance(given, str) and len(given) <= MAX_ID and given.isascii() and given.isprintable()
