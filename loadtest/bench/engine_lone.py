"""A lone request: what it costs in latency that requests may run together, where nobody else asks."""

import time
from statistics import median
from typing import Any

import numpy as np
import uvloop
from onnx import TensorProto, helper, numpy_helper

from loadtest.bench.engine_exchange import Connection, connected
from loadtest.bench.engine_workspace import Bench, Served
from loadtest.bench.subject import NotReady
from loadtest.registry_bench.measures import Measure

ROUNDS, PAIRS = 5, 500
WARM_UP = 50
BAR_US = 50
BODY = b'{"data": [[7]]}'
SCRIPT = """import json


def init():
    pass


def run(data):
    return json.loads(data)["data"]


def run_batch(inputs):
    return [json.loads(text)["data"] for text in inputs]
"""
APART: dict[str, Any] = {"batching": {"enabled": False}}
DEPLOYMENTS: dict[str, dict[str, Any]] = {"batched": {}, "apart": APART, "apart-too": APART}
WIDTH, STEPS = (
    65_536,
    180,
)  # some milliseconds, so not on the event loop; on memory so small that it does not matter where


def lone(bench: Bench) -> list[Measure]:
    """Ask deployments in turn, one with batching and two without, which tells what two equal ones differ by."""
    served = (
        bench.serve_model("lone-model", steady(), **DEPLOYMENTS),
        bench.serve_script("lone-script", SCRIPT, **DEPLOYMENTS),
    )
    return [one for each in served for one in _measured(bench, each)]


def _measured(bench: Bench, served: Served) -> list[Measure]:
    """Return what batching adds, and what is added where there is no difference."""
    extra, noise = [], []
    for number in range(ROUNDS):
        bench.say(f"{served.name}: round {number + 1} of {ROUNDS}")
        batched_s, apart_s, apart_too_s = uvloop.run(medians(served, *DEPLOYMENTS))
        extra.append((batched_s - apart_s) * 1e6)
        noise.append(abs(apart_too_s - apart_s) * 1e6)
    what = f"{served.name}: latency of a lone request"
    return [
        Measure(
            case=f"{what} with batching, above that without (median of {ROUNDS})",
            value=median(extra),
            unit="µs",
            bar=BAR_US,
            at_least=False,
        ),
        Measure(
            case=f"{what}, between two without batching: more would say nothing (median of {ROUNDS})",
            value=median(noise),
            unit="µs",
            bar=BAR_US,
            at_least=False,
        ),
    ]


def steady() -> bytes:
    """Return a model that takes equally long in every process: the tangent of the same numbers again and again."""
    wide = numpy_helper.from_array(np.linspace(-1, 1, WIDTH, dtype=np.float32)[None], "wide")
    nodes = [helper.make_node("MatMul", ["x", "wide"], ["step0"])]
    nodes += [helper.make_node("Tanh", [f"step{step}"], [f"step{step + 1}"]) for step in range(STEPS)]
    nodes.append(helper.make_node("ReduceMax", [f"step{STEPS}"], ["y"], axes=[1], keepdims=1))
    graph = helper.make_graph(
        nodes,
        "steady",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", 1])],
        [wide],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return bytes(model.SerializeToString())


async def medians(served: Served, *deployments: str) -> list[float]:
    """Ask the deployments in turn, over one connection; return the median seconds of each to answer ``BODY``.

    Raises:
        NotReady: one answered something else than 200.
    """
    taken: list[list[float]] = [[] for _ in deployments]
    async with connected(served.request("/score", BODY), 1) as (connection,):
        for number in range(WARM_UP + PAIRS):
            for name, seconds in zip(deployments, taken, strict=True):
                took = await _timed(connection, served, name)
                if number >= WARM_UP:
                    seconds.append(took)
    return [median(seconds) for seconds in taken]


async def _timed(connection: Connection, served: Served, deployment: str) -> float:
    request = served.request("/score", BODY, **{"azureml-model-deployment": deployment})
    began = time.perf_counter()
    status, body = await connection.ask(request)
    took = time.perf_counter() - began
    if status != 200:
        raise NotReady(f"{served.name}, {deployment}: {status} {body[:200]!r}")
    return took
