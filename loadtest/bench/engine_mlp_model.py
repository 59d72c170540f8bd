"""A model that gains from batching: four layers of 4096, which read 268 MB of weights for one row as for many.

Usage: python -m loadtest.bench.engine_mlp_model MODEL.onnx THREADS BATCH…
prints, as JSON, what each batch takes by itself.
"""

import json
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

WIDTH, LAYERS = 4096, 4
_MEASURED_S = 1.0


class Batch(NamedTuple):
    """What one run of so many rows takes."""

    rows: int
    cpu_s: float
    wall_s: float


def make_mlp() -> bytes:
    """Return the model, of 268 MB."""
    random = np.random.default_rng(0)
    nodes, weights = [], []
    for layer in range(LAYERS):
        values = random.standard_normal((WIDTH, WIDTH), dtype=np.float32) * np.float32((2 / WIDTH) ** 0.5)
        weights.append(numpy_helper.from_array(values, f"w{layer}"))
        last = layer == LAYERS - 1
        nodes.append(
            helper.make_node("MatMul", [f"x{layer}" if layer else "x", f"w{layer}"], ["y" if last else f"h{layer}"])
        )
        if not last:
            nodes.append(helper.make_node("Relu", [f"h{layer}"], [f"x{layer + 1}"]))
    tensors = [[helper.make_tensor_value_info(name, TensorProto.FLOAT, ["rows", WIDTH])] for name in ("x", "y")]
    graph = helper.make_graph(nodes, "mlp", *tensors, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    content: bytes = model.SerializeToString()
    return content


def bodies(count: int) -> tuple[dict[str, str], list[bytes]]:
    """Return the headers and the bodies of ``count`` requests of one row each: OIP, binary in and out."""
    tensor = {"name": "x", "shape": [1, WIDTH], "datatype": "FP32", "parameters": {"binary_data_size": WIDTH * 4}}
    head = json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}}).encode()
    rows = np.random.default_rng(1).standard_normal((count, WIDTH), dtype=np.float32)
    return {"inference-header-content-length": str(len(head))}, [head + row.tobytes() for row in rows]


def measure_batches(path: str, threads: int, sizes: list[int]) -> Iterator[Batch]:
    """Yield what a batch of each size takes in this process, with as many threads as a replica's."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    random = np.random.default_rng(2)
    for size in sizes:
        feed = {"x": random.standard_normal((size, WIDTH), dtype=np.float32)}
        session.run(None, feed)
        runs, cpu_s, began = 0, time.process_time(), time.perf_counter()
        while time.perf_counter() - began < _MEASURED_S:
            session.run(None, feed)
            runs += 1
        yield Batch(size, (time.process_time() - cpu_s) / runs, (time.perf_counter() - began) / runs)


def main() -> None:
    path, threads, *sizes = sys.argv[1:]
    print(json.dumps(list(measure_batches(path, int(threads), [int(size) for size in sizes]))))  # noqa: T201


if __name__ == "__main__":
    main()
