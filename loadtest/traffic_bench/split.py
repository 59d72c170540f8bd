"""The split: a ramp that every user goes through, a change under load, and how soon all edges obey."""

import asyncio
import http.client
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import httpx

from loadtest.bench.client import Request
from loadtest.bench.engine_workspace import Bench
from loadtest.bench.open_loop import OpenLoad, run_open_load
from loadtest.registry_bench.measures import Measure, at_most
from loadtest.traffic_bench.crowd import ask_all
from loadtest.traffic_bench.workspace import HEADER, Crossing, crossing

USERS = 100_000
RAMP = (10, 20, 50)
CHANGES = 10
PER_S = 1000.0
LOOKS = 30


def split(bench: Bench) -> list[Measure]:
    """Measure a ramp that 100,000 users go through, changes under load, and how soon both edges obey one."""
    with crossing(bench, "split") as town:
        users = [f"user-{number:06}" for number in range(USERS)]
        return [*ramp(town, users), *changes_under_load(town), *how_soon(town)]


def ramp(town: Crossing, users: Sequence[str]) -> list[Measure]:
    """Send every user at each step of a ramp; compare who answered with what was computed, and with before."""
    moved_back = other_than_computed = 0
    worst_share = 0.0
    before: dict[str, str] = {}
    for percent in RAMP:
        town.split(blue=100 - percent, green=percent)
        computed = town.route(users)
        answered = ask_all(town.requests[0], HEADER, users)
        other_than_computed += sum(answered[user] != computed[user] for user in users)
        moved_back += sum(deployment != "green" for user, deployment in answered.items() if before.get(user) == "green")
        share = 100 * Counter(answered.values())["green"] / len(users)
        worst_share = max(worst_share, abs(share - percent))
        before = answered
        town.say(f"{percent} %: {share:.2f} % of {len(users):,} users met the canary")
    case = f"{len(users):,} users through {' → '.join(map(str, RAMP))} %"
    return [
        at_most(f"{case}: moved back", moved_back, "users", 0),
        at_most(f"{case}: other than `route` computed", other_than_computed, "users", 0),
        at_most(f"{case}: share beside the weight", worst_share, "%", 0.3),
    ]


def changes_under_load(town: Crossing) -> list[Measure]:
    """Change the whole split again and again under a steady load; the first request after each change must obey it."""
    disobeyed = 0
    with _steady_load(town.requests[0], CHANGES * 3.0) as loads:
        for number in range(CHANGES):
            name, other = ("green", "blue") if number % 2 == 0 else ("blue", "green")
            town.split(**{name: 100, other: 0})
            disobeyed += sum(_who_answers(request) != name for request in town.requests)
            town.say(f"change {number + 1} of {CHANGES}")
    (load,) = loads
    failed = sum(count for status, count in load.statuses.items() if status != 200)
    town.say(f"{load.sent:,} requests, p99 {load.p99_ms:.1f} ms {load.first_failure}")
    return [
        at_most(f"{CHANGES} changes under {PER_S:g} requests/s: failed", failed, "requests", 0),
        at_most("first requests after the command, at each edge: disobeyed", disobeyed, "requests", 0),
    ]


def how_soon(town: Crossing) -> list[Measure]:
    """Time each change from when it is sent to the registry until the last edge obeys it."""
    taken_ms = []
    with httpx.Client(base_url=town.registry, trust_env=False) as registry:
        for number in range(LOOKS):
            name = "green" if number % 2 == 0 else "blue"
            begin = time.perf_counter()
            registry.patch(f"/api/v1/endpoints/{town.name}/traffic", json={"traffic": {name: 100}}).raise_for_status()
            for request in town.requests:
                while _who_answers(request) != name:
                    assert time.perf_counter() - begin < 10, "an edge never obeyed"
            taken_ms.append(1000 * (time.perf_counter() - begin))
    ordered = sorted(taken_ms)
    town.say(f"median {ordered[LOOKS // 2]:.0f} ms, slowest {ordered[-1]:.0f} ms of {LOOKS}")
    return [at_most(f"until both edges obey, median of {LOOKS}", ordered[LOOKS // 2], "ms", 100)]


@contextmanager
def _steady_load(request: Request, seconds: float) -> Iterator[list[OpenLoad]]:
    """Send ``PER_S`` requests a second from a thread; what came of them is there when the context ends."""
    loads: list[OpenLoad] = []
    load = run_open_load(request, rate_per_s=PER_S, seconds=seconds, limit_s=1.0)
    thread = threading.Thread(target=lambda: loads.append(asyncio.run(load)))
    thread.start()
    yield loads
    thread.join()


def _who_answers(request: Request) -> str:
    """Send one request over a connection of its own; return the deployment, "" where none answered."""
    connection = http.client.HTTPConnection(request.host, request.port, timeout=10)
    try:
        connection.request(request.method, request.path, request.body, dict(request.headers))
        return connection.getresponse().getheader("azureml-model-deployment", "")
    finally:
        connection.close()
