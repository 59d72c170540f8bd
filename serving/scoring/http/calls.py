"""What every door over HTTP makes of a request first."""

from __future__ import annotations

from typing import Optional

from ..dataplane import DataPlane
from ..errors import InvalidInput
from ..runtimes.base import Call
from .messages import Request


def request_text(request: Request) -> str:
    """Return the body as text.

    Raises:
        InvalidInput: it is not UTF-8.
    """
    try:
        return request.body.decode()
    except UnicodeDecodeError as error:
        raise InvalidInput(f"the body is not UTF-8: {error}") from error


def call_of(plane: DataPlane, request: Request, timeout_s: Optional[float] = None) -> Call:
    """Describe an HTTP request to the data plane; ``timeout_s`` is its own, if it has one."""
    return plane.call(request.request_id.decode("latin-1"), request.headers, timeout_s)
