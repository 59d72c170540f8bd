"""Mirrored traffic: what the report says of a planted disagreement, and what a bad target costs who is answered."""

import time
from statistics import median
from typing import Any

import httpx
import uvloop

from loadtest.bench.engine_workspace import Bench, Served
from loadtest.bench.open_loop import OpenLoad, run_open_load
from loadtest.registry_bench.measures import Measure, at_most

NAME = "mirrored"
PLANTED = 7  # of a hundred requests, which green answers otherwise
BAD = ("hangs", "dies", "fails")
SCRIPT = f"""
import json, os, time

def init():
    pass

def run(data):
    number = json.loads(data)["data"][0][0]
    kind = os.environ["KIND"]
    if kind == "green":
        number += number % 100 < {PLANTED}
    elif kind == "hangs":
        time.sleep(3600)
    elif kind == "dies":
        os._exit(1)
    elif kind == "fails":
        raise ValueError("no")
    return [number % 2]
"""
COMPARED = 5000
PER_S, SECONDS, ROUNDS = 100.0, 10.0, 5
SETTLED_WITHIN_S = 60.0
FLUSH_S = 2.0  # what is counted is written down every second
MINUTES = "1440"


def mirror(bench: Bench) -> list[Measure]:
    """Measure what mirroring promises, at an endpoint whose answers are all blue's."""
    kinds = {kind: {"environment_variables": {"KIND": kind}} for kind in ("blue", "green", *BAD)}
    served = bench.serve_script(NAME, SCRIPT, **kinds)
    return [*agreement(bench, served), *bad_targets(bench, served)]


def agreement(bench: Bench, served: Served) -> list[Measure]:
    """Mirror requests to a target that answers a known part of them otherwise."""
    bench.say(f"comparing {COMPARED:,} answers")
    _mirror_to(bench, "green")
    failed = 0
    with httpx.Client(headers=dict(served.headers), trust_env=False) as client:
        for number in range(COMPARED):
            failed += client.post(served.url("/score"), json={"data": [[number]]}).status_code != 200
    pair = _settled(bench)
    off = abs(pair["agreement"] - (100 - PLANTED) / 100)
    unknown = COMPARED - _copies(pair)
    case = f"{PLANTED} % of {COMPARED:,} planted"
    return [
        at_most(f"{case}: agreement off by", off, "", 0.01),
        at_most(f"{case}: copies nothing is known of", unknown, "", 0),
        at_most(f"{case}: not compared", 100 * (COMPARED - pair["compared"]) / COMPARED, "%", 5),
        at_most(f"{case}: failed", failed, "requests", 0),
    ]


def bad_targets(bench: Bench, served: Served) -> list[Measure]:
    """Mirror everything to each bad target in turn, each time beside a load of which nothing is mirrored."""
    ratios: dict[str, list[float]] = {target: [] for target in BAD}
    failed = dict.fromkeys(BAD, 0)
    for number in range(ROUNDS):
        for target in BAD:
            bench.say(f"mirroring to a target that {target}, {number + 1} of {ROUNDS}")
            alone, beside = _load(bench, served, None), _load(bench, served, target)
            ratios[target].append(beside.p99_ms / alone.p99_ms)
            failed[target] += beside.sent - beside.statuses[200]
    time.sleep(FLUSH_S)
    pairs = _report(bench)
    measures = []
    for target in BAD:
        told = sum(_copies(pair) for pair in pairs if f".{target}." in f"{pair['target_revision']}.")
        unknown = max(0, round(ROUNDS * PER_S * SECONDS) - told)
        case = f"a target that {target}"
        measures += [
            at_most(f"{case}: p99 ÷ that of none mirrored, median of {ROUNDS}", median(ratios[target]), "×", 1.05),
            at_most(f"{case}: failed", failed[target], "requests", 0),
            at_most(f"{case}: copies nothing is known of", unknown, "", 0),
        ]
    return measures


def _load(bench: Bench, served: Served, target: str | None) -> OpenLoad:
    _mirror_to(bench, target)
    request = served.request("/score", b'{"data": [[1]]}')
    load: OpenLoad = uvloop.run(run_open_load(request, rate_per_s=PER_S, seconds=SECONDS, limit_s=1.0))
    return load


def _mirror_to(bench: Bench, target: str | None) -> None:
    """Copy every request to a deployment, or none."""
    shares = f"{target}=100" if target else "green=0"
    bench.slipway.run("endpoint", "update", "--name", NAME, "--mirror-traffic", shares)


def _settled(bench: Bench) -> dict[str, Any]:
    """Return the pair of blue and green once it has all copies, or after a while."""
    end = time.monotonic() + SETTLED_WITHIN_S
    while True:
        pairs = [pair for pair in _report(bench) if ".green." in pair["target_revision"]]
        if pairs and (_copies(pairs[0]) >= COMPARED or time.monotonic() > end):
            return pairs[0]
        time.sleep(1)


def _report(bench: Bench) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = bench.slipway.json("mirror", "report", NAME, "--since", MINUTES)["pairs"]
    return found


def _copies(pair: dict[str, Any]) -> int:
    return int(sum(pair[name] for name in ("compared", "dropped", "refused", "late", "failed")))
