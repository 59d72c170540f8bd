"""A model that gains from batching: what a request costs of CPU beside what its row costs the model by itself."""

import itertools
import json
import os
import sys
from pathlib import Path
from statistics import median

from loadtest.bench.engine_mlp_model import Batch, bodies, make_mlp
from loadtest.bench.engine_workspace import Bench
from loadtest.bench.measure import measure
from loadtest.bench.subject import Subject
from loadtest.demo.command import run
from loadtest.registry_bench.measures import Measure

CLIENTS = 64
ROUNDS, ROUND_S, WARM_UP_S = 5, 5.0, 3.0
SIZES = (16, 32, 48, 64)  # of the batches that the model may have by itself: no more rows than clients can be waiting
LEAST_SHARE, MOST_BATCH_TIMES = 0.7, 3.0


def mlp(bench: Bench) -> list[Measure]:
    """Measure replicas of one CPU and of two."""
    return [one for cpus in (1, 2) for one in _with(bench, cpus)]


def _with(bench: Bench, cpus: int) -> list[Measure]:
    """Measure the model and the workspace in turns; the figures are the medians of the rounds'."""
    name = f"mlp{cpus}"
    bench.say(f"making {name}")
    path = bench.folder / f"{name}.onnx"
    path.write_bytes(make_mlp())
    served = bench.serve_model(name, path.read_bytes(), {"resources": {"cpu": cpus}}, blue={})
    headers, rows = bodies(CLIENTS)
    request = served.request(f"/v2/models/{name}/infer", rows[0], **headers)
    pids = bench.pids()
    subject = Subject(name, request, lambda: pids, "binary")
    each = itertools.cycle(rows).__next__
    measure(subject, CLIENTS, WARM_UP_S, each)
    own, ours, shares, waits = [], [], [], []
    for number in range(ROUNDS):
        bench.say(f"{name}: round {number + 1} of {ROUNDS}")
        best = min(_alone(path, cpus), key=lambda batch: batch.cpu_s / batch.rows)
        row = measure(subject, CLIENTS, ROUND_S, each)
        own.append(best.cpu_s / best.rows * 1e6)
        ours.append(row.cpu_us_per_request)
        shares.append(own[-1] / row.cpu_us_per_request)
        waits.append(row.p99_ms / 1000 / best.wall_s)
    case = f"{name}: {CLIENTS} clients, a replica of {cpus} CPU (median of {ROUNDS})"
    costs = f"{median(own):.0f} µs of the model's CPU for a row ÷ {median(ours):.0f} of ours for a request"
    return [
        Measure(
            case=f"{case}: {costs}",
            value=median(shares),
            unit="",
            bar=LEAST_SHARE,
            at_least=True,
        ),
        Measure(
            case=f"{case}: p99 ÷ the time of the model's best batch",
            value=median(waits),
            unit="",
            bar=MOST_BATCH_TIMES,
            at_least=False,
        ),
    ]


def _alone(path: Path, cpus: int) -> list[Batch]:
    """Measure the batches in a process of their own, with the threads that a replica of so many CPUs has."""
    sizes = [str(size) for size in SIZES]
    command = [sys.executable, "-m", "loadtest.bench.engine_mlp_model", str(path), str(cpus), *sizes]
    return [Batch(*batch) for batch in json.loads(run(command, dict(os.environ)))]
