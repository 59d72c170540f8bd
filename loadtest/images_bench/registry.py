"""A registry of its own, and ``slipway`` against it as a person would call it."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loadtest.bench.model import train
from loadtest.demo.command import Slipway
from loadtest.registry_bench.servers import Server, slipway_registry

ONNX, SCRIPTED = "bench-onnx", "bench-scripted"
SCRIPT = """import json

from sklearn.linear_model import LogisticRegression

model = None


def init():
    global model
    model = LogisticRegression().fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1])


def run(data):
    return model.predict(json.loads(data)["data"]).tolist()
"""


@dataclass(frozen=True)
class Bench:
    """``folder`` is the cases' own; ``model_bytes`` is the size of the ONNX model."""

    server: Server
    slipway: Slipway
    folder: Path
    model_bytes: int
    rounds: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"

    def build(self, document: Path) -> tuple[float, Any]:
        """Build an image; return the seconds that the whole command took, and the image."""
        began = time.monotonic()
        image = self.slipway.json("image", "build", "-f", str(document), "--url", self.url)
        return time.monotonic() - began, image


@contextmanager
def bench_registry(folder: Path, rounds: int) -> Iterator[Bench]:
    """Run a registry that has the models ``onnx:1`` and ``scripted:1`` while the context lasts."""
    model = folder / "model.onnx"
    train(model)
    with slipway_registry(folder / "registry") as server:
        environment = {**os.environ, "SLIPWAY_URL": f"http://127.0.0.1:{server.port}"}
        slipway = Slipway(folder / "workspace", environment)
        bench = Bench(server, slipway, folder, model.stat().st_size, rounds)
        for name in (ONNX, SCRIPTED):
            slipway.run("model", "import", name, str(model), "--url", bench.url)
        yield bench


def onnx_document(folder: Path) -> Path:
    return _written(folder / "onnx.yaml", {"name": ONNX, "model": f"{ONNX}:1"})


def scripted_document(folder: Path, script: str = SCRIPT) -> Path:
    """Write an image of a script with scikit-learn, and return its document."""
    code = folder / "code"
    code.mkdir(exist_ok=True)
    (code / "score.py").write_text(script)
    (folder / "requirements.txt").write_text("scikit-learn>=1.5\n")
    document = {
        "name": SCRIPTED,
        "model": f"{SCRIPTED}:1",
        "code_configuration": {"code": "code", "scoring_script": "score.py"},
        "environment": {"requirements": "requirements.txt"},
    }
    return _written(folder / "scripted.yaml", document)


def _written(path: Path, document: dict[str, Any]) -> Path:
    path.write_text(json.dumps(document))  # JSON is YAML
    return path
