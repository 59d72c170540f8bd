"""Ports of this machine: which are free, and who has a taken one."""

import socket
from pathlib import Path

from registry.core.errors import Conflict, InvalidInput
from serving.embedded.plan import HOST, Ports

_FLAGS = {
    "registry": "--registry-port",
    "controller": "--controller-port",
    "telemetry": "--telemetry-port",
    "http": "--http-port",
    "grpc": "--grpc-port",
}
_LISTEN = "0A"  # state of a listening socket in /proc/net/tcp


def free_ports(count: int, host: str = HOST) -> list[int]:
    """Return ports on which nobody listens right now, each different."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind((host, 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def check_distinct(ports: Ports) -> None:
    """Raise InvalidInput if two processes were to listen on one port."""
    seen: dict[int, str] = {}
    for name, flag in _FLAGS.items():
        other = seen.setdefault(getattr(ports, name), flag)
        if other != flag:
            raise InvalidInput(f"{other} and {flag} are both {getattr(ports, name)}: give each a port of its own")


def check_free(ports: Ports, needed: list[str]) -> None:
    """Make sure that the named ports can be bound.

    Raises:
        Conflict: one is taken; the message says by whom and which option chooses another.
    """
    for name in needed:
        port = getattr(ports, name)
        with socket.socket() as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                one.bind((HOST, port))
            except OSError as error:
                who = holder_of(port)
                raise Conflict(
                    f"port {port} ({name}) is taken{f' by {who}' if who else ''}: "
                    f"stop that, or choose another with {_FLAGS[name]}"
                ) from error


def holder_of(port: int) -> str:
    """Return ``name (pid N)`` of the process that listens on ``port``, or an empty text if it can't be seen."""
    inodes = _listening_inodes(port)
    for entry in Path("/proc").glob("[0-9]*"):
        if any(_link(descriptor) in inodes for descriptor in _entries(entry / "fd")):
            return f"{(entry / 'comm').read_text().strip()} (pid {entry.name})"
    return ""


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:  # somebody else's process, or one that has just ended
        return []


def _link(descriptor: Path) -> str:
    try:
        return str(descriptor.readlink())
    except OSError:
        return ""


def _listening_inodes(port: int) -> set[str]:
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if int(fields[1].rpartition(":")[2], 16) == port and fields[3] == _LISTEN:
                found.add(f"socket:[{fields[9]}]")
    return found
