"""A relay that notes what clients send: the seeds from which the fuzzers make wrong requests."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass


class Relay:
    """Passes connections on to ``target`` (host:port); ``sent`` has the bytes of each that its client sent."""

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.sent: list[bytearray] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._target)
                self.sent.append(bytearray())
                threading.Thread(target=_pump, args=[client, server, self.sent[-1]], daemon=True).start()
                threading.Thread(target=_pump, args=[server, client, bytearray()], daemon=True).start()

    def close(self) -> None:
        self._listener.close()


def _pump(source: socket.socket, sink: socket.socket, noted: bytearray) -> None:
    with contextlib.suppress(OSError):
        while part := source.recv(1 << 16):
            noted += part
            sink.sendall(part)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def relayed(target: str) -> Iterator[Relay]:
    relay = Relay(target)
    try:
        yield relay
    finally:
        relay.close()


@dataclass(frozen=True)
class HttpSeed:
    """A request over HTTP/1.1 as a client sent it."""

    method: bytes
    path: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes

    @classmethod
    def read(cls, raw: bytes) -> "HttpSeed":
        head, _, body = raw.partition(b"\r\n\r\n")
        first, *lines = head.split(b"\r\n")
        method, path, _ = first.split(b" ")
        pairs = [line.split(b": ", 1) for line in lines]
        return cls(method, path, tuple((name.lower(), value) for name, value in pairs), body)
