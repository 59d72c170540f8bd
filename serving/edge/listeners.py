"""The ports of the edge, held by the agent and lent to each HAProxy.

While a killed HAProxy is replaced, connections wait in the kernel's queue instead of being refused. A restarted agent
copies them from the running HAProxy.
"""

import ctypes
import os
import socket

from serving.edge.errors import SettingsInvalid

BACKLOG = 4096
_PIDFD_GETFD = 438  # the system call's number on every architecture


class Listeners:
    """The two listening sockets."""

    def __init__(self, http: socket.socket, grpc: socket.socket) -> None:
        self.http = http
        self.grpc = grpc

    def close(self) -> None:
        self.http.close()
        self.grpc.close()


def bind_listeners(host: str, http_port: int, grpc_port: int) -> Listeners:
    """Bind both ports.

    Raises:
        SettingsInvalid: one is taken, or the host is none of this machine's.
    """
    http = _bind(host, http_port, "--http-port")
    try:
        return Listeners(http, _bind(host, grpc_port, "--grpc-port"))
    except SettingsInvalid:
        http.close()
        raise


def listeners_of(pid: int, descriptors: tuple[int, int], host: str, http_port: int, grpc_port: int) -> Listeners | None:
    """Return copies of a running HAProxy's sockets; None where the system does not permit it (Yama's ptrace_scope)."""
    found: list[socket.socket] = []
    try:
        for descriptor, port in zip(descriptors, (http_port, grpc_port), strict=True):
            found.append(socket.socket(fileno=_copy_descriptor(pid, descriptor)))
            bound = found[-1].getsockname()
            if bound[1] != port or not _same_host(bound[0], host):
                raise OSError(f"descriptor {descriptor} is bound to {bound}")
    except OSError:
        for listener in found:
            listener.close()
        return None
    return Listeners(*found)


def _copy_descriptor(pid: int, descriptor: int) -> int:
    """Call pidfd_getfd(2), for which Python has no function."""
    holder = os.pidfd_open(pid)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        copy = int(libc.syscall(_PIDFD_GETFD, holder, descriptor, 0))
    finally:
        os.close(holder)
    if copy < 0:
        raise OSError(ctypes.get_errno(), "pidfd_getfd")
    return copy


def _bind(host: str, port: int, option: str) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise SettingsInvalid(
            f"cannot listen on {host}:{port}: {error.strerror}; choose another port with {option}"
        ) from error
    listener.setblocking(False)
    return listener


def _same_host(bound: str, host: str) -> bool:
    try:
        return bound in {str(entry[4][0]) for entry in socket.getaddrinfo(host, None)}
    except OSError:
        return bound == host
