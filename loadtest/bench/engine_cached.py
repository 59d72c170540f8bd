"""A response cache: what an answer from memory takes, beside running a model that takes some milliseconds."""

from typing import Any

import uvloop

from loadtest.bench.engine_lone import PAIRS, medians, steady
from loadtest.bench.engine_workspace import Bench
from loadtest.registry_bench.measures import Measure

BAR = 0.3
DEPLOYMENTS: dict[str, dict[str, Any]] = {"hit": {"response_cache": {"max_bytes": "16Mi"}}, "run": {}}


def cached(bench: Bench) -> list[Measure]:
    """Ask the same of two deployments in turn, one with a cache and one without."""
    served = bench.serve_model("cached-model", steady(), **DEPLOYMENTS)
    bench.say(f"{served.name}: {PAIRS} pairs")
    hit_s, run_s = uvloop.run(medians(served, *DEPLOYMENTS))
    return [
        Measure(
            case=f"{served.name}: latency of a hit ÷ that of a run, which takes {run_s * 1000:.1f} ms (medians)",
            value=hit_s / run_s,
            unit="",
            bar=BAR,
            at_least=False,
        )
    ]
