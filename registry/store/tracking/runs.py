"""Rows of runs and of what they logged."""

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from registry.core.tracking.runs import LifecycleStage, Metric, Run, RunStatus
from registry.store.metadata import Connection
from registry.store.schema import latest_metrics, metrics, params, run_tags, runs
from registry.store.tracking import datasets
from registry.store.tracking.metrics import row_of
from registry.store.upsert import insert_new, insert_or_replace

CHUNK = 1000  # runs whose values are read at once


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


def begin_with(tx: Connection, prefix: str, limit: int) -> list[str]:
    """Return ids that begin with ``prefix``."""
    query = sa.select(runs.c.id).where(runs.c.id.startswith(prefix, autoescape=True)).limit(limit)
    return list(tx.scalars(query))


def experiment_of(tx: Connection, run_id: str) -> int | None:
    """Return the number of the run's experiment, or None if there is no such run."""
    return tx.scalar(sa.select(runs.c.experiment_id).where(runs.c.id == run_id))


def find(tx: Connection, run_id: str) -> Run | None:
    found = load(tx, tx.execute(sa.select(runs).where(runs.c.id == run_id)).all())
    return found[0] if found else None


def of_ids(tx: Connection, run_ids: Collection[str]) -> dict[str, Run]:
    """Return those of the runs that there are, deleted ones too."""
    found = tx.execute(sa.select(runs).where(runs.c.id.in_(list(run_ids)))).all()
    return {run.id: run for run in load(tx, found)}


def stage_of(tx: Connection, run_id: str) -> tuple[int, LifecycleStage] | None:
    """Return the run's experiment and stage, or None if there is no such run."""
    row = tx.execute(sa.select(runs.c.experiment_id, runs.c.lifecycle_stage).where(runs.c.id == run_id)).one_or_none()
    return None if row is None else (row.experiment_id, LifecycleStage(row.lifecycle_stage))


def set_deleted(tx: Connection, run_id: str, deleted_ms: int | None) -> None:
    """Mark a run deleted at a time, or active with None."""
    tx.execute(sa.update(runs).where(runs.c.id == run_id).values(_deletion(deleted_ms)))


def delete_of(tx: Connection, experiment_id: int, deleted_ms: int) -> None:
    """Mark an experiment's active runs deleted."""
    active = sa.and_(runs.c.experiment_id == experiment_id, runs.c.lifecycle_stage == LifecycleStage.ACTIVE)
    tx.execute(sa.update(runs).where(active).values(_deletion(deleted_ms)))


def restore_of(tx: Connection, experiment_id: int, deleted_ms: int) -> None:
    """Mark those of an experiment's runs active that were deleted at a time."""
    gone = sa.and_(runs.c.experiment_id == experiment_id, runs.c.deleted_ms == deleted_ms)
    tx.execute(sa.update(runs).where(gone).values(_deletion(None)))


def params_of(tx: Connection, run_id: str, keys: Iterable[str]) -> dict[str, str]:
    query = sa.select(params.c.key, params.c.value).where(params.c.run_id == run_id, params.c.key.in_(list(keys)))
    return {row.key: row.value for row in tx.execute(query)}


def add_params(tx: Connection, run_id: str, experiment_id: int, values: dict[str, str]) -> None:
    insert_new(tx, params, _keyed(run_id, experiment_id, values))


def set_tags(tx: Connection, run_id: str, experiment_id: int, tags: dict[str, str]) -> None:
    insert_or_replace(tx, run_tags, _keyed(run_id, experiment_id, tags))


def _keyed(run_id: str, experiment_id: int, values: dict[str, str]) -> list[dict[str, Any]]:
    of_run = {"run_id": run_id, "experiment_id": experiment_id}
    return [{**of_run, "key": key, "value": value} for key, value in values.items()]


def delete_tag(tx: Connection, run_id: str, key: str) -> bool:
    """Delete a tag; return whether it was there."""
    return tx.execute(sa.delete(run_tags).where(run_tags.c.run_id == run_id, run_tags.c.key == key)).rowcount > 0


def add_metrics(tx: Connection, run_id: str, experiment_id: int, points: list[Metric]) -> None:
    """Add points to the histories, and keep the latest of each metric beside them. A point logged twice is one."""
    if not points:
        return
    rows = [row_of(run_id, point) for point in points]
    insert_new(tx, metrics, rows)
    latest = [{**row, "experiment_id": experiment_id} for row in rows]
    insert_or_replace(tx, latest_metrics, latest, where=_is_newer)


def _is_newer(new: "sa.ColumnCollection[str, Any]") -> sa.ColumnElement[bool]:
    """Order points as ``Metric.rank`` does."""
    return _rank(new) >= _rank(latest_metrics.c)


def _rank(point: "sa.ColumnCollection[str, Any]") -> sa.Tuple:
    is_number = sa.case((point.is_nan, sa.literal_column("0")), else_=sa.literal_column("1"))
    return sa.tuple_(point.step, point.timestamp_ms, is_number, point.value)


def load(tx: Connection, rows: Sequence[sa.Row[Any]]) -> list[Run]:
    """Return whole rows of runs as runs, with the latest of all that they logged."""
    return [run for start in range(0, len(rows), CHUNK) for run in _load_chunk(tx, rows[start : start + CHUNK])]


def _load_chunk(tx: Connection, rows: Sequence[sa.Row[Any]]) -> list[Run]:
    ids = [row.id for row in rows]
    logged_params, tags, points = _values(tx, params, ids), _values(tx, run_tags, ids), _latest(tx, ids)
    dataset_inputs, (model_inputs, model_outputs) = datasets.inputs_of(tx, ids), datasets.models_of(tx, ids)
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
            metrics=points.get(row.id, []),
            params=logged_params.get(row.id, {}),
            tags=tags.get(row.id, {}),
            dataset_inputs=dataset_inputs.get(row.id, []),
            model_inputs=model_inputs.get(row.id, []),
            model_outputs=model_outputs.get(row.id, []),
        )
        for row in rows
    ]


def _values(tx: Connection, table: sa.Table, run_ids: list[str]) -> dict[str, dict[str, str]]:
    values: dict[str, dict[str, str]] = defaultdict(dict)
    query = sa.select(table.c.run_id, table.c.key, table.c.value).where(table.c.run_id.in_(run_ids))
    for run_id, key, value in tx.execute(query.order_by(table.c.run_id, table.c.key)):
        values[run_id][key] = value
    return values


def _latest(tx: Connection, run_ids: list[str]) -> dict[str, list[Metric]]:
    columns = latest_metrics.c
    query = (
        sa.select(columns.run_id, columns.key, columns.value, columns.is_nan, columns.timestamp_ms, columns.step)
        .where(columns.run_id.in_(run_ids))
        .order_by(columns.run_id, columns.key)
    )
    points: dict[str, list[Metric]] = defaultdict(list)
    for run_id, key, value, is_nan, timestamp_ms, step in tx.execute(query):
        number = math.nan if is_nan else value
        points[run_id].append(Metric(key=key, value=number, timestamp_ms=timestamp_ms, step=step))
    return points


def _deletion(deleted_ms: int | None) -> dict[str, Any]:
    stage = LifecycleStage.ACTIVE if deleted_ms is None else LifecycleStage.DELETED
    return {"lifecycle_stage": stage, "deleted_ms": deleted_ms}
