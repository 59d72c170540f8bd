"""A response cache: what an answer from memory takes, beside running a model that takes some milliseconds."""

from statistics import median
from typing import Any

import uvloop

from loadtest.bench.engine_exchange import connected
from loadtest.bench.engine_lone import BODY, timed
from loadtest.bench.engine_poison import looked_up
from loadtest.bench.engine_workspace import Bench, Served
from loadtest.registry_bench.measures import Measure

PAIRS, WARM_UP = 500, 50
BAR = 0.3
DEPLOYMENTS: dict[str, dict[str, Any]] = {"hit": {"response_cache": {"max_bytes": "16Mi"}}, "run": {}}


def cached(bench: Bench) -> list[Measure]:
    """Ask the same of two deployments in turn, one with a cache and one without."""
    model, _ = looked_up()
    served = bench.serve_model("cached-model", model, **DEPLOYMENTS)
    bench.say(f"{served.name}: {PAIRS} pairs")
    hit_s, run_s = uvloop.run(_pairs(served))
    return [
        Measure(
            case=f"{served.name}: latency of a hit ÷ that of a run, which takes {run_s * 1000:.1f} ms (medians)",
            value=hit_s / run_s,
            unit="",
            bar=BAR,
            at_least=False,
        )
    ]


async def _pairs(served: Served) -> tuple[float, float]:
    """Return the median seconds of either."""
    taken: dict[str, list[float]] = {name: [] for name in DEPLOYMENTS}
    async with connected(served.request("/score", BODY), 1) as (connection,):
        for number in range(WARM_UP + PAIRS):
            for name, seconds in taken.items():
                took = await timed(connection, served, name)
                if number >= WARM_UP:
                    seconds.append(took)
    return median(taken["hit"]), median(taken["run"])
