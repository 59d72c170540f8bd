"""A scoring process that is no more than what an image of its runtime carries."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import tritonclient.grpc

from registry.core.imaging.images import Runtime
from registry.images.scoring import scoring_package
from tests.serving.scoring.models import SCRIPT, linear_model, write_image
from tests.serving.scoring.process import Process

ROWS, ANSWERS = [[1.0, 2.0, 3.0], [0.0, 0.0, 1.0]], [[-6.5], [-3.5]]
PARTS: dict[Runtime, dict[str, Any]] = {Runtime.ONNX: {"model": linear_model()}, Runtime.SCRIPT: {"script": SCRIPT}}
PACKAGE = "carried_scoring"


@pytest.fixture(params=PARTS)
def process(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Process]:
    for entry in scoring_package(request.param):
        path = tmp_path / PACKAGE / entry.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join(entry.read()))
    root = write_image(tmp_path / "image", **PARTS[request.param])
    started = Process(root, environment={"PYTHONPATH": str(tmp_path)}, package=PACKAGE)
    with contextlib.closing(started):
        assert started.news.get("state") == "ready", started.log_text()
        yield started


def test_it_answers_at_every_door(process: Process) -> None:
    tensor = {"name": "x", "shape": [2, 3], "datatype": "FP32", "data": ROWS}
    rows = tritonclient.grpc.InferInput("x", [2, 3], "FP32")
    rows.set_data_from_numpy(np.array(ROWS, dtype=np.float32))
    bodies: dict[str, Any] = {
        "/v2/models/linear/infer": {"inputs": [tensor]},
        "/v1/models/linear:predict": {"instances": ROWS, "data": ROWS},  # a script reads data, whatever the door
        "/invocations": {"instances": ROWS, "data": ROWS},
    }
    with httpx.Client(base_url=f"http://{process.http}", trust_env=False) as http:
        assert http.post("/score", json={"data": ROWS}).json() == ANSWERS
        for path, body in bodies.items():
            answer = http.post(path, json=body)
            assert answer.status_code == 200, (path, answer.text)
        for path, methods in http.get("/openapi.json").json()["paths"].items():
            if "get" in methods and path != "/score" and "{" not in path:
                answer = http.get(path)
                assert answer.status_code == 200, (path, answer.text)
    with tritonclient.grpc.InferenceServerClient(process.grpc) as client:
        assert client.infer("linear", [rows]).get_response().outputs
