"""Rows of runs and of what they logged."""

import math
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from registry.core.runs import LifecycleStage, Metric, Run, RunStatus
from registry.store.metadata import Connection
from registry.store.schema import latest_metrics, metrics, params, run_tags, runs
from registry.store.upsert import insert_new, insert_or_replace


def put(tx: Connection, run: Run) -> None:
    """Store a run, new or changed, without what it logged."""
    row = {
        "id": run.id,
        "experiment_id": run.experiment_id,
        "name": run.name,
        "user_id": run.user_id,
        "status": run.status,
        "lifecycle_stage": run.lifecycle_stage,
        "artifact_uri": run.artifact_uri,
        "started_ms": run.started_ms,
        "ended_ms": run.ended_ms,
    }
    insert_or_replace(tx, runs, [row])


def exists(tx: Connection, run_id: str) -> bool:
    return experiment_of(tx, run_id) is not None


def experiment_of(tx: Connection, run_id: str) -> int | None:
    """Return the number of the run's experiment, or None if there is no such run."""
    return tx.scalar(sa.select(runs.c.experiment_id).where(runs.c.id == run_id))


def find(tx: Connection, run_id: str) -> Run | None:
    found = _load(tx, sa.select(runs).where(runs.c.id == run_id))
    return found[0] if found else None


def search(
    tx: Connection, experiment_ids: list[int], stages: set[LifecycleStage], limit: int, offset: int
) -> list[Run]:
    """Return runs of experiments, the newest first."""
    query = (
        sa.select(runs)
        .where(runs.c.experiment_id.in_(experiment_ids), runs.c.lifecycle_stage.in_(stages))
        .order_by(runs.c.started_ms.desc(), runs.c.id)
    )
    return _load(tx, query.limit(limit).offset(offset))


def params_of(tx: Connection, run_id: str, keys: Iterable[str]) -> dict[str, str]:
    query = sa.select(params.c.key, params.c.value).where(params.c.run_id == run_id, params.c.key.in_(list(keys)))
    return {row.key: row.value for row in tx.execute(query)}


def add_params(tx: Connection, run_id: str, values: dict[str, str]) -> None:
    insert_new(tx, params, [{"run_id": run_id, "key": key, "value": value} for key, value in values.items()])


def set_tags(tx: Connection, run_id: str, tags: dict[str, str]) -> None:
    insert_or_replace(tx, run_tags, [{"run_id": run_id, "key": key, "value": value} for key, value in tags.items()])


def add_metrics(tx: Connection, run_id: str, experiment_id: int, points: list[Metric]) -> None:
    """Add points to the histories, and keep the latest of each metric beside them. A point logged twice is one."""
    if not points:
        return
    rows = [_metric_row(run_id, point) for point in points]
    insert_new(tx, metrics, rows)
    latest = [{**row, "experiment_id": experiment_id} for row in rows]
    insert_or_replace(tx, latest_metrics, latest, where=_is_newer)


def _is_newer(new: "sa.ColumnCollection[str, Any]") -> sa.ColumnElement[bool]:
    """Order points as ``Metric.rank`` does."""
    return _rank(new) >= _rank(latest_metrics.c)


def _rank(point: "sa.ColumnCollection[str, Any]") -> sa.Tuple:
    is_number = sa.case((point.is_nan, sa.literal_column("0")), else_=sa.literal_column("1"))
    return sa.tuple_(point.step, point.timestamp_ms, is_number, point.value)


def _metric_row(run_id: str, point: Metric) -> dict[str, Any]:
    nan = math.isnan(point.value)
    return {
        "run_id": run_id,
        "key": point.key,
        "step": point.step,
        "timestamp_ms": point.timestamp_ms,
        "value": 0.0 if nan else point.value,
        "is_nan": nan,
    }


def _metric(row: sa.Row[Any]) -> Metric:
    value = math.nan if row.is_nan else row.value
    return Metric(key=row.key, value=value, timestamp_ms=row.timestamp_ms, step=row.step)


def _load(tx: Connection, query: sa.Select[Any]) -> list[Run]:
    rows = tx.execute(query).all()
    ids = [row.id for row in rows]
    logged_params, tags = _values(tx, params, ids), _values(tx, run_tags, ids)
    points: dict[str, list[Metric]] = defaultdict(list)
    for row in tx.execute(
        sa.select(latest_metrics).where(latest_metrics.c.run_id.in_(ids)).order_by(latest_metrics.c.key)
    ):
        points[row.run_id].append(_metric(row))
    return [
        Run(
            id=row.id,
            experiment_id=row.experiment_id,
            name=row.name,
            user_id=row.user_id,
            status=RunStatus(row.status),
            lifecycle_stage=LifecycleStage(row.lifecycle_stage),
            artifact_uri=row.artifact_uri,
            started_ms=row.started_ms,
            ended_ms=row.ended_ms,
            metrics=points[row.id],
            params=logged_params[row.id],
            tags=tags[row.id],
        )
        for row in rows
    ]


def _values(tx: Connection, table: sa.Table, run_ids: list[str]) -> dict[str, dict[str, str]]:
    values: dict[str, dict[str, str]] = defaultdict(dict)
    for row in tx.execute(sa.select(table).where(table.c.run_id.in_(run_ids)).order_by(table.c.key)):
        values[row.run_id][row.key] = row.value
    return values
