"""One round of load on one subject: the CPU of all its processes, and how long its requests took."""

import time
from collections.abc import Callable

import uvloop

from loadtest.bench.client import Load, Request, run_load
from loadtest.bench.cpu import cpu_seconds, usage
from loadtest.bench.grpc_client import run_grpc_load
from loadtest.bench.report import Row
from loadtest.bench.subject import NotReady, Subject

SETTLE_S = 1.0  # the request log reaches telemetry after the answer; that work is the request's too


def measure(subject: Subject, connections: int, seconds: float, bodies: Callable[[], bytes] | None = None) -> Row:
    """Load a subject for one round. CPU is counted until the work that follows the answers is done as well.

    Raises:
        NotReady: a request failed.
    """
    pids = subject.pids()
    before = cpu_seconds(pids)
    load = _load(subject, connections, seconds, bodies)
    time.sleep(SETTLE_S)
    after = usage(pids)
    if load.failures:
        raise NotReady(f"{subject.name}: {load.failures} of {load.requests} requests failed: {load.first_failure}")
    return Row(
        name=subject.name,
        case=subject.case,
        cpu_us_per_request=(after.cpu_s - before) / load.requests * 1e6,
        requests_per_s=load.requests / load.seconds,
        p50_ms=load.p50_ms,
        p99_ms=load.p99_ms,
        failures=load.failures,
        pss_mb=after.pss_bytes / 1e6,
    )


def _load(subject: Subject, connections: int, seconds: float, bodies: Callable[[], bytes] | None) -> Load:
    request = subject.request
    if isinstance(request, Request):
        load: Load = uvloop.run(run_load(request, connections=connections, seconds=seconds, bodies=bodies))
    else:
        load = uvloop.run(run_grpc_load(request, connections=connections, seconds=seconds))
    return load
