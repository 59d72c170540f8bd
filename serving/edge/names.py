"""Patterns of everything that is written into HAProxy's configuration, maps or admin socket.

A ``;`` or a newline would begin another command there, so a value that does not match is refused before it is sent.
"""

import re

from serving.edge.errors import UnsafeValue

_PATTERNS = {
    "endpoint": re.compile(r"[A-Za-z0-9][-A-Za-z0-9]{0,63}"),
    "deployment": re.compile(r"[A-Za-z0-9][-A-Za-z0-9]{0,63}"),
    "backend": re.compile(r"[a-z0-9-]{1,64}\.[a-z0-9-]{1,64}\.[0-9]{1,9}"),
    "server": re.compile(r"[A-Za-z0-9][-_.:A-Za-z0-9]{0,95}"),
    "address": re.compile(r"(?:[A-Za-z0-9.-]{1,253}|\[[0-9a-fA-F:.]{2,45}\]):[0-9]{1,5}"),
    "source": re.compile(r"(?:(?:header|cookie|query):[-_A-Za-z0-9]{1,64}|json:[A-Za-z0-9_][-_.A-Za-z0-9\[\]]{0,99})"),
    "salt": re.compile(r"[A-Za-z0-9]{16,64}"),
    "version": re.compile(r"[A-Za-z0-9][-_.A-Za-z0-9]{0,63}"),
    "key name": re.compile(r"[a-z0-9][-_a-z0-9]{0,31}"),
    "digest": re.compile(r"[0-9a-f]{64}"),
    "map key": re.compile(r"[-_.A-Za-z0-9]{1,64}(?:/[-_.A-Za-z0-9]{1,72})?"),
    "map value": re.compile(r"[-_.,:\[\]A-Za-z0-9]{1,600}"),
    "secret": re.compile(r"[-_.~+/=A-Za-z0-9]{16,256}"),
}


def checked(kind: str, value: str) -> str:
    """Return ``value`` if all of it matches the pattern of ``kind``.

    Raises:
        UnsafeValue: it does not.
    """
    if _PATTERNS[kind].fullmatch(value) is None:
        raise UnsafeValue(kind, value)
    return value
