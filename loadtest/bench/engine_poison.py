"""Poison rows: 31 good requests and a bad one in flight together, again and again, where requests run in batches."""

import asyncio
import json
import random
from collections.abc import Callable

import numpy as np
import uvloop
from onnx import TensorProto, helper, numpy_helper

from loadtest.bench.engine_exchange import Connection, connected
from loadtest.bench.engine_workspace import Bench, Served
from loadtest.registry_bench.measures import Measure

ROUNDS, TOGETHER = 1000, 32
ITEMS, WIDTH, INNER = 1000, 2048, 8192  # milliseconds a row: what takes less than one runs on the event loop, alone
BAD = ITEMS * 10
BATCHED = 2.0  # requests in a run, on average: less would not be the case that is meant
SCRIPT = f"""import json
import time

ITEMS = {ITEMS}


def init():
    pass


def run(data):
    return run_batch([data])[0]


def run_batch(inputs):
    time.sleep(0.002)
    items = [json.loads(text)["data"][0] for text in inputs]
    if max(items) >= ITEMS:
        raise IndexError("no such item")
    return [[item * item] for item in items]
"""


def poison(bench: Bench) -> list[Measure]:
    """Take a model that looks rows up, and a script with run_batch()."""
    model, expected = looked_up()
    return [
        *_measured(bench, bench.serve_model("poisoned-model", model, blue={}), lambda item: [expected[item]]),
        *_measured(bench, bench.serve_script("poisoned-script", SCRIPT, blue={}), lambda item: [item * item]),
    ]


def looked_up() -> tuple[bytes, list[list[float]]]:
    """Return a model whose input is a row's number, and what it answers to each: whole numbers, so exactly that."""
    numbers = np.random.default_rng(7)
    table = numbers.integers(-2, 3, (ITEMS, WIDTH)).astype(np.float32)
    inner = numbers.integers(-1, 2, (WIDTH, INNER)).astype(np.float32)
    outer = numbers.integers(-1, 2, (INNER, 3)).astype(np.float32)
    nodes = [
        helper.make_node("Gather", ["table", "item"], ["row"]),
        helper.make_node("MatMul", ["row", "inner"], ["hidden"]),
        helper.make_node("MatMul", ["hidden", "outer"], ["answer"]),
    ]
    graph = helper.make_graph(
        nodes,
        "looked_up",
        [helper.make_tensor_value_info("item", TensorProto.INT64, ["rows"])],
        [helper.make_tensor_value_info("answer", TensorProto.FLOAT, ["rows", 3])],
        [
            numpy_helper.from_array(array, name)
            for name, array in (("table", table), ("inner", inner), ("outer", outer))
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    answers: list[list[float]] = (table @ inner @ outer).tolist()
    return model.SerializeToString(), answers


def _measured(bench: Bench, served: Served, expected: Callable[[int], object]) -> list[Measure]:
    before = served.runs()
    wrong = uvloop.run(_rounds(bench, served, expected))
    requests, runs = (after - then for after, then in zip(served.runs(), before, strict=True))
    what = f"{served.name}: "
    return [
        Measure(
            case=f"{what}rounds of {ROUNDS} with an answer that is not its own input's, or another status than"
            f" {TOGETHER - 1} × 200 and 1 × 4xx",
            value=wrong,
            unit="rounds",
            bar=0,
            at_least=False,
        ),
        Measure(case=f"{what}requests in a run", value=requests / runs, unit="", bar=BATCHED, at_least=True),
    ]


async def _rounds(bench: Bench, served: Served, expected: Callable[[int], object]) -> int:
    """Return the number of rounds that were not as they must be."""
    choose = random.Random(7)  # noqa: S311 - a test's
    wrong = 0
    async with connected(served.request("/score", b""), TOGETHER) as connections:
        for number in range(ROUNDS):
            if number % 50 == 0:
                bench.say(f"{served.name}: round {number} of {ROUNDS}")
            items = [choose.randrange(ITEMS) for _ in connections]
            items[choose.randrange(TOGETHER)] = BAD
            answers = await asyncio.gather(
                *(_asked(connection, served, item) for connection, item in zip(connections, items, strict=True))
            )
            good = [
                400 <= status < 500 if item == BAD else (status, answer) == (200, expected(item))
                for item, (status, answer) in zip(items, answers, strict=True)
            ]
            wrong += not all(good)
    return wrong


async def _asked(connection: Connection, served: Served, item: int) -> tuple[int, object]:
    status, body = await connection.ask(served.request("/score", json.dumps({"data": [item]}).encode()))
    return status, json.loads(body)
