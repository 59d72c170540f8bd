"""A real workspace for end-to-end tests: every process, on ports of its own, in a folder of its own."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import mlflow
import numpy as np
from skl2onnx import to_onnx
from skl2onnx.helpers.onnx_helper import select_model_inputs_outputs
from sklearn.linear_model import LogisticRegression

from tests.e2e.frameworks import folder_of_cpu_torch

SLIPWAY = str(Path(sys.executable).with_name("slipway"))
PORTS = ("registry", "controller", "telemetry", "http", "grpc")

ECHO = """
import json
import os

def init():
    pass

def run(data):
    content = json.loads(data)
    if content["data"] == "raise":
        raise RuntimeError("the secret of the script")
    return content["data"]
"""

SCALED = """
import json
import os

def init():
    global scale
    scale = float(os.environ.get("SCALE", "1"))

def run(data):
    return [scale * sum(row) for row in json.loads(data)["data"]]
"""

BROKEN = """
def init():
    raise ValueError("no such column: age")

def run(data):
    return data
"""


class Town:
    """A workspace and what is deployed in it: endpoint ``town`` with ``blue`` (ONNX, two replicas) and ``green``."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.folder = home / "documents"
        self.folder.mkdir(parents=True)
        self.ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
        self.environment = {**os.environ, "SLIPWAY_DIR": str(home / "workspace"), "NO_COLOR": "1", "COLUMNS": "200"}
        if (folder := folder_of_cpu_torch()) is not None:
            self.environment["UV_FIND_LINKS"] = folder
        self.key = ""

    def slipway(self, *arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        done = subprocess.run(
            [SLIPWAY, *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        assert not check or done.returncode == 0, done.stderr or done.stdout
        return done

    def json(self, *arguments: str) -> Any:
        return json.loads(self.slipway(*arguments, "--output", "json").stdout)

    def up(self) -> None:
        self.slipway("up", "--detach", *(f"--{name}-port={port}" for name, port in self.ports.items()))

    def status(self) -> dict[str, Any]:
        return dict(self.json("status"))

    def pid_of(self, process: str) -> int:
        return next(int(p["pid"]) for p in self.status()["processes"] if p["name"] == process)

    def replicas(self, deployment: str) -> list[dict[str, Any]]:
        return [r for r in self.status()["replicas"] if r["deployment"] == deployment and r["state"] == "ready"]

    @property
    def edge(self) -> str:
        return f"http://127.0.0.1:{self.ports['http']}"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports['registry']}"

    def client(self, key: str | None = None) -> httpx.Client:
        headers = {"authorization": f"Bearer {key or self.key}"}
        return httpx.Client(base_url=self.edge, headers=headers, timeout=30.0, trust_env=False)

    def document(self, name: str, content: dict[str, Any]) -> str:
        path = self.folder / f"{name}.yaml"
        path.write_text(json.dumps(content))  # JSON is YAML
        return str(path)

    def log_model(self, path: Path) -> str:
        mlflow.set_tracking_uri(self.url)
        with mlflow.start_run(run_name=path.stem) as run:
            mlflow.log_artifact(str(path), "model")
        version = self.json("model", "register", "town", "--run", run.info.run_id, "--path", "model")
        return f"azureml:town:{version['version']}"

    def build(
        self,
        name: str,
        model: str,
        script: str | None = None,
        sample: Any = None,
        environment: dict[str, Any] | None = None,
        resources: dict[str, Any] | None = None,
    ) -> None:
        image: dict[str, Any] = {"name": name, "model": model, "environment": environment or {}}
        if resources is not None:
            image["resources"] = resources
        if sample is not None:
            (self.folder / f"{name}-sample.json").write_text(json.dumps(sample))
            image["sample_requests"] = [{"file": f"{name}-sample.json"}]
        if script is not None:
            (self.folder / name).mkdir(exist_ok=True)
            (self.folder / name / "score.py").write_text(script)
            image["code_configuration"] = {"code": name, "scoring_script": "score.py"}
        self.json("image", "build", "-f", self.document(f"image-{name}", image))

    def deploy(self, name: str, image: str, *, check: bool = True, **settings: Any) -> Any:
        content = {"name": name, "endpoint_name": "town", "environment": {"image": image}, **settings}
        return self.slipway("deployment", "create", "-f", self.document(f"deployment-{name}", content), check=check)


class Steady:
    """Requests at a steady rate from a thread, each noted with its time and status; 0 stands for no answer at all.

    They go where the traffic goes, or to ``deployment``.
    """

    def __init__(self, town: Town, per_s: float = 50.0, deployment: str | None = None) -> None:
        self.answers: list[tuple[float, int]] = []
        self._town = town
        self._pause_s = 1 / per_s
        self._headers = {} if deployment is None else {"azureml-model-deployment": deployment}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._send)

    def __enter__(self) -> "Steady":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    @property
    def statuses(self) -> Counter[int]:
        return Counter(status for _, status in self.answers)

    def wait_for(self, count: int, status: int = 200, timeout_s: float = 30.0) -> None:
        """Wait until the last ``count`` answers all have ``status``."""
        seen = len(self.answers)
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            latest = self.answers[seen:][-count:]
            if len(latest) == count and all(answer == status for _, answer in latest):
                return
            self._stop.wait(0.05)
        raise AssertionError(f"the last {count} answers were not all {status}: {self.statuses}")

    def _send(self) -> None:
        with self._town.client() as client:
            while not self._stop.is_set():
                self.answers.append((time.monotonic(), self._ask(client)))
                self._stop.wait(self._pause_s)

    def _ask(self, client: httpx.Client) -> int:
        try:
            body = {"data": [[0.5, 0.5]]}
            return client.post("/endpoints/town/score", json=body, headers=self._headers).status_code
        except httpx.HTTPError:
            return 0


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def has_ended(pid: int) -> bool:
    """Say whether a process has ended; a zombie has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def eventually(holds: Any, within_s: float = 20.0) -> None:
    """Wait until ``holds()`` is true."""
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, f"not within {within_s} s"
        time.sleep(0.1)


def make_onnx(path: Path) -> Path:
    model = LogisticRegression().fit([[0.0, 0.0], [1.0, 1.0]], [0, 1])
    exported = to_onnx(model, np.zeros((1, 2), np.float32), options={"zipmap": False}, target_opset=18)
    path.write_bytes(select_model_inputs_outputs(exported, "probabilities").SerializeToString())
    return path
