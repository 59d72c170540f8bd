"""What a web page may not make a browser do to a server on this machine.

A page of any site can send requests to 127.0.0.1, and a name that its owner controls can be made to mean 127.0.0.1. So
a request must name this machine as its host (against rebinding), and one that changes something must not come from a
page of another origin (against forgery). Programs send no ``Origin`` and are not concerned.
"""

from urllib.parse import urlsplit

from registry.core.addresses import is_loopback

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def refusal(method: str, host: str, origin: str, fetch_site: str) -> str:
    """Say why the request is refused, by its headers ``Host``, ``Origin`` and ``Sec-Fetch-Site``; "" if it is not."""
    if not is_loopback(_name(host)):
        return f"this server is for this machine only and does not answer as {host!r}: use 127.0.0.1 or localhost"
    if method in SAFE_METHODS:
        return ""
    if origin and urlsplit(origin).netloc != host:
        return f"a page of {origin} may change nothing here"
    if fetch_site not in ("", "same-origin", "none"):
        return "a page of another site may change nothing here"
    return ""


def _name(host: str) -> str:
    """Return the host of a ``Host`` header without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]
