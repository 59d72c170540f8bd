"""A gigabyte up and down again: how fast next to ``sha256sum``, and in how much memory."""

import http.client
import os
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from loadtest.bench.subject import NotReady
from loadtest.registry_bench.cases import new_run
from loadtest.registry_bench.servers import Server

BLOCK = 1 << 20


class Transfer(NamedTuple):
    """``growth_mb`` is by how much the server's memory rose at most while the bytes went through."""

    up_s: float
    down_s: float
    sha256sum_s: float
    growth_mb: float


def transfer(server: Server, folder: Path, size: int) -> Transfer:
    """Upload and download a file of random bytes."""
    source = random_file(folder / "artifact.bin", size)
    path = f"/api/2.0/mlflow-artifacts/artifacts/0/{new_run(server)}/artifacts/artifact.bin"
    return measure(server, source, lambda: upload(server, path, source, 200), lambda: download(server, path, source))


def random_file(path: Path, size: int) -> Path:
    """Write ``size`` random bytes, rounded down to a whole block, and return the file."""
    with path.open("wb") as file:
        for _ in range(size // BLOCK):
            file.write(os.urandom(BLOCK))
    return path


def measure(server: Server, source: Path, up: Callable[[], object], down: Callable[[], object]) -> Transfer:
    """Time ``sha256sum`` on the file, and both ways of it; then delete it."""
    sums = _timed(lambda: subprocess.run(["/usr/bin/env", "sha256sum", source], check=True, stdout=subprocess.DEVNULL))
    with _Watch(server) as watch:
        up_s, down_s = _timed(up), _timed(down)
    source.unlink()
    return Transfer(up_s, down_s, sums, watch.growth_mb)


class _Watch:
    """Looks at the server's memory ten times a second."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.growth_mb = 0.0

    def __enter__(self) -> "_Watch":
        self._before = self._server.pss_mb()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.1):
            self.growth_mb = max(self.growth_mb, self._server.pss_mb() - self._before)


def upload(server: Server, path: str, source: Path, expected: int) -> None:
    """PUT the file. Raises NotReady if the answer has another status."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=300, blocksize=BLOCK)
    with source.open("rb") as file:
        connection.request("PUT", path, file, {"content-length": str(source.stat().st_size)})
        answer = connection.getresponse()
        answer.read()
    connection.close()
    if answer.status != expected:
        raise NotReady(f"the upload was answered with {answer.status}")


def download(server: Server, path: str, source: Path) -> None:
    """GET as many bytes as the file has. Raises NotReady if they are not that many."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=300, blocksize=BLOCK)
    connection.request("GET", path)
    answer = connection.getresponse()
    received = 0
    while block := answer.read(BLOCK):
        received += len(block)
    connection.close()
    if answer.status != 200 or received != source.stat().st_size:
        raise NotReady(f"the download was answered with {answer.status} and {received} bytes")


def _timed(step: Callable[[], object]) -> float:
    began = time.monotonic()
    step()
    return time.monotonic() - began
