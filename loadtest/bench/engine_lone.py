"""A lone request: what it costs in latency that requests may run together, where nobody else asks."""

import time
from statistics import median
from typing import Any

import uvloop

from loadtest.bench.engine_exchange import Connection, connected
from loadtest.bench.engine_poison import looked_up
from loadtest.bench.engine_workspace import Bench, Served
from loadtest.bench.subject import NotReady
from loadtest.registry_bench.measures import Measure

ROUNDS, PAIRS = 5, 500
WARM_UP = 50
BAR_US = 50
BODY = b'{"data": [7]}'
SCRIPT = """import json


def init():
    pass


def run(data):
    return json.loads(data)["data"]


def run_batch(inputs):
    return [json.loads(text)["data"] for text in inputs]
"""
DEPLOYMENTS: dict[str, dict[str, Any]] = {"batched": {}, "apart": {"batching": {"enabled": False}}}


def lone(bench: Bench) -> list[Measure]:
    """Ask two deployments in turn, one with batching and one without."""
    model, _ = looked_up()
    served = (
        bench.serve_model("lone-model", model, **DEPLOYMENTS),
        bench.serve_script("lone-script", SCRIPT, **DEPLOYMENTS),
    )
    return [
        Measure(
            case=f"{one.name}: latency of a lone request with batching, above that without (median of {ROUNDS})",
            value=_extra_us(bench, one),
            unit="µs",
            bar=BAR_US,
            at_least=False,
        )
        for one in served
    ]


def _extra_us(bench: Bench, served: Served) -> float:
    extra: list[float] = []
    for number in range(ROUNDS):
        bench.say(f"{served.name}: round {number + 1} of {ROUNDS}")
        batched_s, apart_s = uvloop.run(medians(served, *DEPLOYMENTS))
        extra.append(batched_s - apart_s)
    return median(extra) * 1e6


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
