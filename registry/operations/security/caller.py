"""Who asks for what is being done now: set by the door for each request, read by operations that write it down.

anyio carries it into the worker thread of a handler. A job of ``write_soon`` runs on a thread of the store's own: read
``who()`` before it is handed over.
"""

from contextvars import ContextVar

from registry.core.security.access import ANYBODY, Caller

_current: ContextVar[Caller] = ContextVar("slipway_caller", default=ANYBODY)


def set_caller(caller: Caller) -> None:
    """Say who asks, for the rest of this request."""
    _current.set(caller)


def caller() -> Caller:
    """Return who asks; outside a request, the registry itself, which may do everything."""
    return _current.get()


def who() -> str:
    """Return the name of who asks; "" where no token is needed."""
    return _current.get().name
