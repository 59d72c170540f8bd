"""What every door over HTTP makes of a request first."""

from __future__ import annotations

from ..dataplane import DataPlane
from ..errors import InvalidInput
from ..runtimes.base import Call
from .messages import Request

TIMEOUT = b"x-request-timeout-ms"
_MOST_DIGITS = 15
MOST_MS = 10**_MOST_DIGITS - 1


def request_text(request: Request) -> str:
    """Return the body as text.

    Raises:
        InvalidInput: it is not UTF-8.
    """
    try:
        return request.body.decode()
    except UnicodeDecodeError as error:
        raise InvalidInput(f"the body is not UTF-8: {error}") from error


def call_of(plane: DataPlane, request: Request) -> Call:
    """Describe an HTTP request to the data plane; its time is its header's or the process', the sooner.

    Raises:
        InvalidInput: the header is no number of milliseconds.
    """
    given = request.headers.get(TIMEOUT)
    timeout_s = None if given is None else _seconds(given)
    request.call = call = plane.call(request.request_id.decode("latin-1"), request.headers, timeout_s)
    return call


def _seconds(given: bytes) -> float:
    if not given.isdigit() or len(given) > _MOST_DIGITS or not int(given):
        text = given[:30].decode("latin-1")
        raise InvalidInput(f"{TIMEOUT.decode()} must be a whole number of milliseconds above 0, got {text!r}")
    return int(given) / 1000
