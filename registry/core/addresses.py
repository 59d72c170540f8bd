"""Which addresses a process without tokens may bind."""

import ipaddress


def is_loopback(host: str) -> bool:
    """Say whether ``host`` can be reached from this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
