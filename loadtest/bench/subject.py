"""What is measured: a request, and the processes that answer it."""

import http.client
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from loadtest.bench.client import Request
from loadtest.bench.grpc_client import GrpcRequest

READY_WITHIN_S = 30.0


class Subject(NamedTuple):
    """``pids`` gives the server processes of this moment; their children count too. ``case`` is the door's name."""

    name: str
    request: Request | GrpcRequest
    pids: Callable[[], list[int]]
    case: str = "json"


class NotReady(Exception):
    """A server did not answer as it should before it was to be measured."""


@contextmanager
def raw_server(name: str, model_path: Path, body: bytes) -> Iterator[Subject]:
    """Run the hand-written server while the context lasts."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "loadtest.bench.raw_server", str(model_path), str(port)])
    try:
        subject = Subject(name, Request("127.0.0.1", port, "/score", body), lambda: [process.pid])
        wait_until_answered(subject)
        yield subject
    finally:
        process.terminate()
        process.wait(10)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def wait_until_answered(subject: Subject) -> bytes:
    """Return the body of the first 200 answer.

    Raises:
        NotReady: there was none in time.
    """
    request = subject.request
    assert isinstance(request, Request), "a door over HTTP tells when a server is ready"
    deadline = time.monotonic() + READY_WITHIN_S
    seen = "nothing listens"
    while time.monotonic() < deadline:
        try:
            status, body = _ask(request)
        except OSError as error:
            seen = str(error)
        else:
            if status == 200:
                return body
            seen = f"{status} {body[:200].decode(errors='replace')}"
        time.sleep(0.05)
    raise NotReady(f"{subject.name} does not answer {request.path}: {seen}")


def _ask(request: Request) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(request.host, request.port, timeout=5)
    try:
        headers = {"content-type": "application/json", **request.headers}
        connection.request("POST", request.path, request.body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
