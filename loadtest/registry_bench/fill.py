"""Runs by the ten thousand, written into the SQLite files directly: over HTTP it would take the stock server hours."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

START_MS = 1_700_000_000_000
METRICS, PARAMS, TAGS = ("acc", "loss"), ("lr", "depth"), ("mlflow.user", "team")

_OURS = {
    "runs": "INSERT INTO runs (id, experiment_id, name, user_id, status, lifecycle_stage, artifact_uri, started_ms)"
    " VALUES (:id, :experiment, :name, 'bench', 'FINISHED', 'active', :uri, :start)",
    "metrics": "INSERT INTO metrics (run_id, key, step, timestamp_ms, value, is_nan)"
    " VALUES (:run, :key, :step, :time, :value, 0)",
    "latest": "INSERT INTO latest_metrics (run_id, key, step, timestamp_ms, value, is_nan, experiment_id)"
    " VALUES (:run, :key, :step, :time, :value, 0, :experiment)",
    "params": "INSERT INTO params (run_id, key, value, experiment_id) VALUES (:run, :key, :value, :experiment)",
    "tags": "INSERT INTO run_tags (run_id, key, value, experiment_id) VALUES (:run, :key, :value, :experiment)",
}
_STOCK = {
    "runs": "INSERT INTO runs (run_uuid, experiment_id, name, user_id, status, lifecycle_stage, artifact_uri,"
    " start_time, source_type) VALUES (:id, :experiment, :name, 'bench', 'FINISHED', 'active', :uri, :start, 'LOCAL')",
    "metrics": "INSERT INTO metrics (run_uuid, key, step, timestamp, value, is_nan)"
    " VALUES (:run, :key, :step, :time, :value, 0)",
    "latest": "INSERT INTO latest_metrics (run_uuid, key, step, timestamp, value, is_nan)"
    " VALUES (:run, :key, :step, :time, :value, 0)",
    "params": "INSERT INTO params (run_uuid, key, value) VALUES (:run, :key, :value)",
    "tags": "INSERT INTO tags (run_uuid, key, value) VALUES (:run, :key, :value)",
}
STATEMENTS = {"slipway": _OURS, "mlflow": _STOCK}


def run_id(number: int) -> str:
    return f"{number:032x}"


def value_of(metric: str, number: int) -> float:
    """Return a run's value: spread over 0 to 1, with no order that an index could profit from."""
    return (number * 7919 + len(metric)) % 100_003 / 100_003


def add_runs(name: str, database: Path, experiment: int, numbers: range) -> None:
    """Add runs, each with two metrics, two params and two tags."""
    with closing(sqlite3.connect(database, timeout=60)) as connection, connection:
        for kind, rows in _rows(experiment, numbers):
            connection.executemany(STATEMENTS[name][kind], rows)


def add_history(name: str, database: Path, experiment: int, run: str, key: str, points: int) -> None:
    """Add ``points`` points of one metric, one a step, and the latest."""
    with closing(sqlite3.connect(database, timeout=60)) as connection, connection:
        rows = (_point(run, key, step, step / points) for step in range(points))
        connection.executemany(STATEMENTS[name]["metrics"], rows)
        latest = {**_point(run, key, points - 1, 1.0), "experiment": experiment}
        connection.execute(STATEMENTS[name]["latest"], latest)


def _rows(experiment: int, numbers: range) -> Iterator[tuple[str, Iterable[dict[str, Any]]]]:
    yield (
        "runs",
        ({"id": run_id(n), "name": f"run-{n}", "start": START_MS + n, **_place(experiment, n)} for n in numbers),
    )
    for metric in METRICS:
        points = [{**_point(run_id(n), metric, 1, value_of(metric, n)), "experiment": experiment} for n in numbers]
        yield "metrics", points
        yield "latest", points
    for kind, keys in (("params", PARAMS), ("tags", TAGS)):
        for key in keys:
            values = (
                {"run": run_id(n), "key": key, "value": f"{key}-{n % 10}", "experiment": experiment} for n in numbers
            )
            yield kind, values


def _place(experiment: int, number: int) -> dict[str, Any]:
    return {
        "id": run_id(number),
        "experiment": experiment,
        "uri": f"mlflow-artifacts:/{experiment}/{run_id(number)}/artifacts",
    }


def _point(run: str, key: str, step: int, value: float) -> dict[str, Any]:
    return {"run": run, "key": key, "step": step, "time": START_MS + step, "value": value}
