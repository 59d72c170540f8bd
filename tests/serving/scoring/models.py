"""Tiny models, a script that does the same, and images of them unpacked as a node does."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

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


def dividing_model() -> bytes:
    """x (rows of a whole number) → -2**31 / (x + 1): -2 ends the process: the quotient is over 32 bits."""
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "one"], ["more"]), helper.make_node("Div", ["least", "more"], ["y"])],
        "dividing",
        [helper.make_tensor_value_info("x", TensorProto.INT32, ["rows", 1])],
        [helper.make_tensor_value_info("y", TensorProto.INT32, ["rows", 1])],
        [
            helper.make_tensor("one", TensorProto.INT32, [1], [1]),
            helper.make_tensor("least", TensorProto.INT32, [1], [-(2**31)]),
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
