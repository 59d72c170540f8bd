"""What a web page may not make a browser do to a server on this machine.

A page of any site can send requests to 127.0.0.1, and a name that its owner controls can be made to mean 127.0.0.1. So
a request must name this machine as its host, or the server by a name that it was given (against rebinding), and one
that changes something must not come from a page of another origin (against forgery). Programs send no ``Origin`` and
are not concerned.
"""

from urllib.parse import urlsplit

from registry.core.addresses import is_loopback

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def refusal(method: str, host: str, origin: str, fetch_site: str, names: frozenset[str] = frozenset()) -> str:
    """Say why the request is refused, by its headers ``Host``, ``Origin`` and ``Sec-Fetch-Site``; "" if it is not.

    ``names`` are those by which the server is known besides this machine's own, in lower case.
    """
    name = _name(host).lower()
    if name not in names and not is_loopback(name):
        return (
            f"this server does not answer as {host!r}: use 127.0.0.1 or localhost, or the address it is bound to; "
            "to give it another name, start it with --allowed-host NAME"
        )
    if method in SAFE_METHODS:
        return ""
    if origin and _place(origin) != host.lower():
        return f"a page of {origin} may change nothing here"
    if fetch_site not in ("", "same-origin", "none"):
        return "a page of another site may change nothing here"
    return ""


def _place(origin: str) -> str:
    """Return the host and port of an ``Origin`` header, "" of one that has none."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def _name(host: str) -> str:
    """Return the host of a ``Host`` header without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]
