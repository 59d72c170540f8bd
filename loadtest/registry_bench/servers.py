"""The two servers, both on SQLite: ``slipway registry``, and ``mlflow server`` with one worker."""

import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from loadtest.bench.client import Request
from loadtest.bench.cpu import usage
from loadtest.bench.subject import NotReady, free_port

MLFLOW = "3.17.2"
READY_WITHIN_S = 90.0
STOP_WITHIN_S = 15.0


class Server(NamedTuple):
    """A running server: where it is, its SQLite file, and how long it took to answer."""

    name: str
    port: int
    database: Path
    pid: int
    ready_s: float

    def request(self, path: str, body: object = None, method: str = "POST") -> Request:
        return Request("127.0.0.1", self.port, f"/api/2.0/mlflow/{path}", json.dumps(body).encode(), method=method)

    def call(self, path: str, body: object = None, method: str = "POST", prefix: str = "/api/2.0/mlflow/") -> Any:
        """Return the JSON of one answer.

        Raises:
            NotReady: it is not a 200.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            content = None if body is None else json.dumps(body).encode()
            connection.request(method, prefix + path, content, {"content-type": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        if answer.status != 200:
            raise NotReady(f"{self.name} answers {method} {path} with {answer.status} {text[:300]!r}")
        return json.loads(text)

    def pss_mb(self) -> float:
        """Return the proportional memory of the server's processes, in MB."""
        return usage([self.pid]).pss_bytes / 1e6


@contextmanager
def slipway_registry(folder: Path) -> Iterator[Server]:
    """Run ``slipway registry`` while the context lasts."""
    database = folder / "registry.db"
    command = [str(Path(sys.executable).with_name("slipway")), "registry", "--database", f"sqlite:///{database}"]
    with _running("slipway", [*command, "--artifacts", f"file://{folder / 'blobs'}"], folder, database, {}) as server:
        yield server


@contextmanager
def stock_server(folder: Path, python: Path) -> Iterator[Server]:
    """Run ``mlflow server`` with one worker while the context lasts, without its job runner."""
    database = folder / "mlflow.db"
    command = [str(python.with_name("mlflow")), "server", "--workers", "1", "--host", "127.0.0.1"]
    command += ["--backend-store-uri", f"sqlite:///{database}", "--artifacts-destination", str(folder / "artifacts")]
    environment = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "PATH": f"{python.parent}:{os.environ['PATH']}"}
    with _running("mlflow", command, folder, database, environment) as server:
        yield server


def install_mlflow(folder: Path) -> Path:
    """Return the Python of an environment with ``mlflow``, made below ``folder`` when it is not there."""
    python = folder / "bin" / "python"
    if not (folder / "bin" / "mlflow").exists():
        uv = str(Path(sys.executable).with_name("uv"))
        for command in ([uv, "venv", "--quiet", "--clear", str(folder)], [uv, "pip", "install", "--quiet", "--python"]):
            more = [str(python), f"mlflow=={MLFLOW}"] if command[1] == "pip" else []
            subprocess.run([*command, *more], check=True)
    return python


@contextmanager
def _running(
    name: str, command: list[str], folder: Path, database: Path, environment: dict[str, str]
) -> Iterator[Server]:
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    with (folder / "log").open("ab") as log:
        began = time.monotonic()
        process = subprocess.Popen(
            [*command, "--port", str(port)], stdout=log, stderr=log, env=os.environ | environment, cwd=folder
        )
        try:
            _wait_until_healthy(process, port, folder / "log")
            yield Server(name, port, database, process.pid, time.monotonic() - began)
        finally:
            process.terminate()
            try:
                process.wait(STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_until_healthy(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline and process.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/health")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.02)
        finally:
            connection.close()
    raise NotReady(f"the server did not become healthy: {log.read_text(errors='replace')[-500:]}")
