"""Tiny models, unpacked images, and ways to ask a door without a socket or a real process with one."""

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from serving.scoring.app import App
from serving.scoring.dataplane import DataPlane
from serving.scoring.doors import door_table
from serving.scoring.health import Health
from serving.scoring.http.messages import Request, Response
from serving.scoring.protocol import Status
from serving.scoring.runtimes.mlflow import load_mlflow
from serving.scoring.runtimes.onnx import load_onnx
from serving.scoring.runtimes.script import load_script

# x (rows of 3 floats) times these, plus 0.5: exact in 32 bits, so every door must give the same numbers.
WEIGHTS = np.array([[1.0], [2.0], [-4.0]], dtype=np.float32)

SCRIPT = """
import json

def init():
    global weights
    weights = [1.0, 2.0, -4.0]

def run(data):
    rows = json.loads(data)["data"]
    return [[sum(w * x for w, x in zip(weights, row)) + 0.5] for row in rows]
"""

Ask = Callable[..., Response]


def linear_model() -> bytes:
    node = [helper.make_node("MatMul", ["x", "w"], ["xw"]), helper.make_node("Add", ["xw", "b"], ["y"])]
    graph = helper.make_graph(
        node,
        "linear",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", 1])],
        [
            helper.make_tensor("w", TensorProto.FLOAT, [3, 1], WEIGHTS.ravel()),
            helper.make_tensor("b", TensorProto.FLOAT, [1], [0.5]),
        ],
    )
    return _serialized(graph)


def identity_model(types: dict[str, int]) -> bytes:
    """Several inputs of one dimension, each returned as ``<name>_out``."""
    graph = helper.make_graph(
        [helper.make_node("Identity", [name], [f"{name}_out"]) for name in types],
        "identity",
        [helper.make_tensor_value_info(name, kind, ["n"]) for name, kind in types.items()],
        [helper.make_tensor_value_info(f"{name}_out", kind, ["n"]) for name, kind in types.items()],
    )
    return _serialized(graph)


def _serialized(graph: Any) -> bytes:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString()
    return content


def write_image(
    root: Path,
    *,
    model: bytes | None = None,
    script: str | None = None,
    mlflow: Path | None = None,
    acceleration: dict[str, Any] | None = None,
) -> Path:
    """Lay out an unpacked image as a node does."""
    model_path = "var/azureml-app/azureml-models/linear/7"
    (root / model_path).mkdir(parents=True)
    if model is not None:
        (root / model_path / "model.onnx").write_bytes(model)
    if script is not None:
        (root / "var/azureml-app/score.py").write_text(script)
    if mlflow is not None:
        shutil.copytree(mlflow, root / model_path / "model")
    description = {
        "schema": 1,
        "kind": "scoring" if acceleration is None else "accelerated",
        "runtime": "script" if script is not None else "onnx" if mlflow is None else "mlflow",
        "python": "3.11",
        "environment": "sha256:0",
        "models": [{"name": "linear", "version": 7, "path": model_path, "run_id": None}],
        "scoring_script": None if script is None else "score.py",
        **({"acceleration": acceleration} if acceleration is not None else {}),
    }
    (root / "image.json").write_text(json.dumps(description))
    return root


@pytest.fixture
def make_image(tmp_path: Path) -> Callable[..., Path]:
    return lambda **parts: write_image(tmp_path / "image", **parts)


@pytest.fixture
def make_plane(make_image: Callable[..., Path]) -> Iterator[Callable[..., DataPlane]]:
    """Load a model into a data plane; ``model`` bytes, ``script`` text or an ``mlflow`` folder choose the runtime."""
    path, modules = list(sys.path), set(sys.modules)
    with contextlib.ExitStack() as stack:

        def make(max_concurrent: int = 64, timeout_s: float = 5.0, **parts: Any) -> DataPlane:
            root = make_image(**parts)
            threads = stack.enter_context(ThreadPoolExecutor(1))
            code = root / "var/azureml-app"
            return DataPlane(load(root, code, parts), threads, max_concurrent, timeout_s)

        yield make
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if name == "slipway_entry_script":
            del sys.modules[name]


def load(root: Path, code: Path, parts: dict[str, Any]) -> Any:
    if "script" in parts:
        return load_script(code / "score.py", code)
    return load_mlflow(root) if "mlflow" in parts else load_onnx(root, 1)


@pytest.fixture
def make_ask(make_plane: Callable[..., DataPlane]) -> Callable[..., Ask]:
    """Make ``ask(method, path, body, **headers)`` for a model, answered by the door table without a socket."""

    def make(secret: bytes | None = None, state: str = "ready", **parts: Any) -> Ask:
        plane = make_plane(**parts)

        def status() -> Status:
            return Status(state=state, backend="linear.blue.1", in_flight=0, executed=plane.executed, rss_bytes=1)

        app = App(door_table(plane, Health(status), "linear", "7"), secret)

        def ask(method: str, path: str, body: Any = b"", **headers: str) -> Response:
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            named = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
            return asyncio.run(app(Request(method.encode(), path.encode(), named, content)))

        return ask

    return make


@pytest.fixture
def ask_onnx(make_ask: Callable[..., Ask]) -> Ask:
    return make_ask(model=linear_model())


@pytest.fixture
def ask_script(make_ask: Callable[..., Ask]) -> Ask:
    return make_ask(script=SCRIPT)


@pytest.fixture
def linear() -> bytes:
    return linear_model()


@pytest.fixture
def script() -> str:
    return SCRIPT


@pytest.fixture
def identity() -> Callable[[dict[str, int]], bytes]:
    return identity_model


class Process:
    """A real scoring process with the pipes a supervisor holds."""

    def __init__(self, root: Path, *arguments: str, environment: dict[str, str] | None = None) -> None:
        reading, writing = os.pipe()
        self.log = (root / "log").open("w+b")
        self.child = subprocess.Popen(
            [sys.executable, "-m", "serving.scoring", "--root", str(root), "--announce-fd", str(writing), *arguments],
            stdin=subprocess.PIPE,
            stdout=self.log,
            stderr=self.log,
            pass_fds=[writing],
            env={**os.environ, **(environment or {})},
        )
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            self.announced = pipe.read()  # to its end: the process closes it after its line
        self.news: dict[str, Any] = json.loads(self.announced) if self.announced else {}

    @property
    def http(self) -> str:
        return f"127.0.0.1:{self.news['http_port']}"

    @property
    def grpc(self) -> str:
        return f"127.0.0.1:{self.news['grpc_port']}"

    def log_text(self) -> str:
        self.log.seek(0)
        return self.log.read().decode()


@pytest.fixture
def start(make_image: Callable[..., Path]) -> Iterator[Callable[..., Process]]:
    """Start a real scoring process on an image made of ``model``, ``script`` or ``mlflow``."""
    with contextlib.ExitStack() as stack:

        def begin(*arguments: str, environment: dict[str, str] | None = None, **parts: Any) -> Process:
            process = Process(make_image(**parts), *arguments, environment=environment)
            stack.callback(process.log.close)
            stack.callback(process.child.wait)
            stack.callback(process.child.kill)
            return process

        yield begin
