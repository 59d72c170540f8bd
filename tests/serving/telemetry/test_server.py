import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

Line = Callable[..., bytes]

PROGRAM = "import sys; from pathlib import Path; from serving.telemetry.server import serve; " + (
    "serve('127.0.0.1', int(sys.argv[1]), Path(sys.argv[2]), None)"
)


def start(data_dir: Path, port: int = 0) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PROGRAM, str(port), str(data_dir)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@contextmanager
def running(data_dir: Path) -> Iterator[tuple[subprocess.Popen[str], httpx.Client]]:
    process = start(data_dir)
    try:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        with httpx.Client(base_url=url, transport=httpx.HTTPTransport(retries=3)) as client:
            yield process, client
    finally:
        process.kill()
        process.communicate()


@pytest.mark.e2e
def test_acknowledged_lines_survive_sigkill(tmp_path: Path, line: Line) -> None:
    with running(tmp_path) as (process, client):
        for n in range(50):
            assert client.post("/v1/requests", content=line(counter=n)).status_code == 204
        os.kill(process.pid, signal.SIGKILL)
    with running(tmp_path) as (_, client):
        assert client.get("/v1/integrity").json() == {"stored": 50, "missing": 0, "unparsable": 0, "torn": 0}


@pytest.mark.e2e
def test_sigterm_ends_it_within_a_second_with_code_0(tmp_path: Path) -> None:
    with running(tmp_path) as (process, client):
        assert client.get("/health").status_code == 200  # leaves an idle connection open
        begin = time.monotonic()
        process.terminate()
        assert process.wait(5) == 0
        assert time.monotonic() - begin < 1


@pytest.mark.e2e
def test_a_taken_port_is_one_clear_line_and_code_2(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = start(tmp_path, port := taken.getsockname()[1])
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 2
    assert errors == (
        f"telemetry: cannot listen on 127.0.0.1:{port}: Address already in use; choose another port with --port\n"
    )


@pytest.mark.e2e
def test_a_folder_in_use_is_one_clear_line_and_code_2(tmp_path: Path) -> None:
    with running(tmp_path):
        process = start(tmp_path)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 2
    assert errors == f"telemetry: another telemetry process writes to {tmp_path}\n"
