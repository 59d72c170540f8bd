"""The registry is killed while eight clients write: what it has answered is there, and nothing is half there."""

import hashlib
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

WRITERS = 8
SLIPWAY = str(Path(sys.executable).with_name("slipway"))


class Registry:
    """``slipway registry`` in a folder, on a port of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = int(free.getsockname()[1])
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen([SLIPWAY, "registry", "--port", str(self.port), *stores(self._folder)])
        deadline = time.monotonic() + 30
        while True:
            try:
                assert self.ask("GET", "/health")[0] == 200
                return
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.05)

    def ask(self, method: str, path: str, body: bytes | dict[str, Any] | None = None) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            content = json.dumps(body).encode() if isinstance(body, dict) else body
            connection.request(method, path, content, {"content-type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def mlflow(self, path: str, body: dict[str, Any]) -> Any:
        status, answer = self.ask("POST", f"/api/2.0/mlflow/{path}", body)
        assert status == 200, answer
        return json.loads(answer)

    def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def registry(tmp_path: Path) -> Any:
    one = Registry(tmp_path)
    yield one
    one.process.terminate()
    one.process.wait(10)


class Writer(threading.Thread):
    """Writes until the registry is gone, and notes what was acknowledged."""

    def __init__(self, registry: Registry, number: int) -> None:
        super().__init__()
        self._registry = registry
        self._number = number
        self.run_id = registry.mlflow("runs/create", {"experiment_id": "0"})["run"]["info"]["run_id"]
        self.batches: list[int] = []
        self.files: dict[str, bytes] = {}

    def run(self) -> None:
        for number in range(100_000):
            try:
                self._write(number)
            except (OSError, http.client.HTTPException):
                return

    def _write(self, number: int) -> None:
        points = [{"key": f"m{index}", "value": number, "timestamp": number, "step": number} for index in range(10)]
        batch = {"run_id": self.run_id, "metrics": points, "params": [{"key": f"p{number}", "value": "x"}]}
        self._registry.mlflow("runs/log-batch", batch)
        self.batches.append(number)
        if number % 10 == self._number:
            path, content = f"file-{number}.bin", random.randbytes(300_000)
            address = f"/api/2.0/mlflow-artifacts/artifacts/0/{self.run_id}/artifacts/{path}"
            assert self._registry.ask("PUT", address, content)[0] == 200
            self.files[path] = content


@pytest.mark.e2e
def test_every_acknowledged_write_is_there_and_none_is_half_there(registry: Registry, tmp_path: Path) -> None:
    for _ in range(3):
        writers = [Writer(registry, number) for number in range(WRITERS)]
        for writer in writers:
            writer.start()
        time.sleep(1.0)
        registry.kill()
        for writer in writers:
            writer.join()
        registry.start()
        assert sum(len(writer.batches) for writer in writers) > WRITERS
        assert any(writer.files for writer in writers)
        for writer in writers:
            check(registry, writer)
    assert subprocess.run([SLIPWAY, "registry", "verify", *stores(tmp_path)], check=False).returncode == 0


def stores(folder: Path) -> list[str]:
    database, blobs = f"sqlite:///{folder}/registry.db", f"file://{folder}/blobs"
    return ["--database", database, "--artifacts", blobs, "--data-dir", str(folder / "data")]


def check(registry: Registry, writer: Writer) -> None:
    status, answer = registry.ask("GET", f"/api/2.0/mlflow/runs/get?run_id={writer.run_id}")
    assert status == 200
    params = {param["key"] for param in json.loads(answer)["run"]["data"]["params"]}
    steps = {index: steps_of(registry, writer.run_id, f"m{index}") for index in range(10)}
    assert all(steps[index] == steps[0] for index in range(10)), "a batch is there whole or not at all"
    assert {f"p{number}" for number in steps[0]} == params
    assert set(writer.batches) <= steps[0]
    assert len(steps[0] - set(writer.batches)) <= 1, "only the last, whose answer did not arrive"
    for path, content in writer.files.items():
        status, read = registry.ask("GET", f"/api/2.0/mlflow-artifacts/artifacts/0/{writer.run_id}/artifacts/{path}")
        assert (status, hashlib.sha256(read).digest()) == (200, hashlib.sha256(content).digest())


def steps_of(registry: Registry, run_id: str, key: str) -> set[int]:
    path = f"/api/2.0/mlflow/metrics/get-history?run_id={run_id}&metric_key={key}&max_results=25000"
    status, answer = registry.ask("GET", path)
    assert status == 200
    return {int(point["step"]) for point in json.loads(answer).get("metrics", [])}
