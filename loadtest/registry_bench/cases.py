"""What is asked of both servers, and what only of ours."""

import itertools
import json
import time
from collections.abc import Callable
from typing import Any

import uvloop

from loadtest.bench.client import Load, run_load
from loadtest.bench.cpu import cpu_seconds
from loadtest.bench.report import Row
from loadtest.bench.subject import NotReady
from loadtest.registry_bench.fill import START_MS
from loadtest.registry_bench.servers import Server

SEARCH = {"filter": "metrics.acc > 0.5", "order_by": ["metrics.acc DESC"], "max_results": 50}
NOTHING = {"filter": "params.lr = 'nothing'", "order_by": ["metrics.acc DESC"], "max_results": 50}
PAGE = {"order_by": ["attributes.start_time DESC"], "max_results": 100}


def new_run(server: Server) -> str:
    return str(server.call("runs/create", {"experiment_id": "0"})["run"]["info"]["run_id"])


def log_metric(server: Server, connections: int, seconds: float) -> Row:
    """Log one new point with each request."""
    run = new_run(server)

    def point(number: int) -> dict[str, Any]:
        return {"run_id": run, "key": "loss", "value": 1 / (number + 1), "timestamp": START_MS + number, "step": number}

    return _load(server, f"log-metric, {connections} connections", "runs/log-metric", point, connections, seconds)


def log_batch(server: Server, seconds: float) -> Row:
    """Log 100 new points with each request."""
    run = new_run(server)

    def batch(number: int) -> dict[str, Any]:
        keys = (f"metric-{index}" for index in range(100))
        points = [{"key": key, "value": number / 7, "timestamp": START_MS + number, "step": number} for key in keys]
        return {"run_id": run, "metrics": points}

    return _load(server, "log-batch of 100", "runs/log-batch", batch, 1, seconds)


def search(server: Server, experiment: str, seconds: float, case: str) -> Row:
    """Take the best 50 runs above a bound."""
    body = {"experiment_ids": [experiment], **SEARCH}
    found = server.call("runs/search", body)["runs"]
    values = [metric["value"] for run in found for metric in run["data"]["metrics"] if metric["key"] == "acc"]
    if len(found) != SEARCH["max_results"] or values != sorted(values, reverse=True) or values[-1] <= 0.5:
        raise NotReady(f"{server.name} found {len(found)} runs, not the best 50")
    return _load(server, case, "runs/search", lambda _: body, 1, seconds)


def search_nothing(server: Server, experiment: str, seconds: float, case: str) -> Row:
    """Look for the best runs with a param's value that no run has."""
    body = {"experiment_ids": [experiment], **NOTHING}
    if found := server.call("runs/search", body).get("runs"):
        raise NotReady(f"{server.name} found {len(found)} runs where there are none")
    return _load(server, case, "runs/search", lambda _: body, 1, seconds)


def list_page(server: Server, experiment: str, seconds: float) -> Load:
    """Take the newest 100 runs."""
    body = {"experiment_ids": [experiment], **PAGE}
    return _run(server, "runs/search", lambda _: body, 1, seconds)


def sampled_history(server: Server, run: str, key: str) -> float:
    """Return the milliseconds of one sampled history, of five the middle."""
    path = f"metrics/get-history-bulk-interval?run_ids={run}&metric_key={key}&max_results=2500"
    taken = []
    for _ in range(5):
        began = time.perf_counter()
        points = server.call(path, method="GET", prefix="/ajax-api/2.0/mlflow/")["metrics"]
        taken.append((time.perf_counter() - began) * 1000)
        if not 1000 <= len(points) <= 2500:
            raise NotReady(f"{server.name} gave {len(points)} points of the history")
    return sorted(taken)[2]


def _load(
    server: Server, case: str, path: str, body: Callable[[int], dict[str, Any]], connections: int, seconds: float
) -> Row:
    before = cpu_seconds([server.pid])
    load = _run(server, path, body, connections, seconds)
    cpu_s = cpu_seconds([server.pid]) - before
    return Row(
        name=server.name,
        case=case,
        cpu_us_per_request=cpu_s / load.requests * 1e6,
        requests_per_s=load.requests / load.seconds,
        p50_ms=load.p50_ms,
        p99_ms=load.p99_ms,
        failures=load.failures,
        pss_mb=server.pss_mb(),
    )


def _run(server: Server, path: str, body: Callable[[int], dict[str, Any]], connections: int, seconds: float) -> Load:
    numbers = itertools.count()

    def bodies() -> bytes:
        return json.dumps(body(next(numbers))).encode()

    load: Load = uvloop.run(run_load(server.request(path), connections=connections, seconds=seconds, bodies=bodies))
    if load.failures or not load.requests:
        raise NotReady(f"{server.name}: {load.failures} of {load.requests} requests failed: {load.first_failure}")
    return load
