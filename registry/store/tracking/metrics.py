"""Rows of metrics' points: a run's histories, and what they say of a logged model. NaN is value 0 with a flag."""

import math
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from registry.core.tracking.runs import Metric
from registry.store.metadata import Connection
from registry.store.schema import logged_model_metrics, logged_models, metrics
from registry.store.upsert import insert_or_replace

MAX_INT64 = 2**63 - 1


def row_of(run_id: str, point: Metric) -> dict[str, Any]:
    nan = math.isnan(point.value)
    return {
        "run_id": run_id,
        "key": point.key,
        "step": point.step,
        "timestamp_ms": point.timestamp_ms,
        "value": 0.0 if nan else point.value,
        "is_nan": nan,
    }


def history(tx: Connection, run_id: str, key: str, limit: int, offset: int = 0) -> list[Metric]:
    """Return points by step, then by time."""
    query = _points(run_id, key).order_by(metrics.c.step, metrics.c.timestamp_ms, metrics.c.value, metrics.c.is_nan)
    return _read(tx, key, query.limit(limit).offset(offset))


def range_of(tx: Connection, run_id: str, key: str, low: int, high: int) -> tuple[int, int] | None:
    """Return the first and last step between two, or None if there is no point between them."""
    steps = sa.select(metrics.c.step).where(
        metrics.c.run_id == run_id, metrics.c.key == key, metrics.c.step.between(low, high)
    )
    first = tx.scalar(steps.order_by(metrics.c.step).limit(1))
    last = tx.scalar(steps.order_by(metrics.c.step.desc()).limit(1))
    return None if first is None or last is None else (first, last)


def between(tx: Connection, run_id: str, key: str, low: int, high: int, limit: int) -> list[Metric]:
    """Return the first points whose step lies between two."""
    query = _points(run_id, key).where(metrics.c.step.between(low, high))
    return _read(tx, key, query.order_by(metrics.c.step, metrics.c.timestamp_ms).limit(limit))


def sample_steps(tx: Connection, run_id: str, key: str, low: int, high: int, stride: int) -> list[Metric]:
    """Return the first point at or after every ``stride``-th step from ``low`` to ``high``: seeks, never a scan."""
    here = sa.and_(metrics.c.run_id == run_id, metrics.c.key == key)
    target = _targets(low, high, stride)
    following = _first(metrics.c.step, here, metrics.c.step >= target.c.at, metrics.c.step <= high)
    steps = sa.select(following.label("step")).select_from(target).distinct().subquery("steps")
    earliest = _first(metrics.c.timestamp_ms, here, metrics.c.step == steps.c.step)
    points = sa.select(steps.c.step, earliest.label("at")).where(steps.c.step.is_not(None)).subquery("points")
    return _read_at(tx, run_id, key, points)


def sample_times(tx: Connection, run_id: str, key: str, step: int, count: int) -> list[Metric]:
    """Return up to ``count`` points of one step, spread over its time, and its last one."""
    here = sa.and_(metrics.c.run_id == run_id, metrics.c.key == key, metrics.c.step == step)
    times = sa.select(metrics.c.timestamp_ms).where(here)
    low = tx.scalar(times.order_by(metrics.c.timestamp_ms).limit(1))
    high = tx.scalar(times.order_by(metrics.c.timestamp_ms.desc()).limit(1))
    if low is None or high is None:
        return []
    target = _targets(low, high, stride_of(low, high, count))
    following = _first(metrics.c.timestamp_ms, here, metrics.c.timestamp_ms >= target.c.at)
    found = sa.select(sa.literal(step, sa.BigInteger).label("step"), following.label("at")).select_from(target)
    points = found.distinct().subquery("points")
    last = _points(run_id, key).where(metrics.c.step == step, metrics.c.timestamp_ms == high)
    return [*_read_at(tx, run_id, key, points), *_read(tx, key, last.limit(1))]


def stride_of(low: int, high: int, count: int) -> int:
    """Return a distance that makes at most ``count`` targets from ``low`` to ``high``."""
    return min(MAX_INT64, max(1, -((low - high) // max(1, count - 1))))


def add_of_models(tx: Connection, run_id: str, points: Sequence[Metric]) -> None:
    """Keep the points that measure a logged model with that model, if there is one."""
    wanted = {point.model_id for point in points if point.model_id}
    if not wanted:
        return
    known = set(tx.scalars(sa.select(logged_models.c.id).where(logged_models.c.id.in_(wanted))))
    rows = {
        (point.model_id, point.key, point.step, point.timestamp_ms): {
            **row_of(run_id, point),
            "model_id": point.model_id,
            "dataset_name": point.dataset_name,
            "dataset_digest": point.dataset_digest,
        }
        for point in points
        if point.model_id in known
    }
    insert_or_replace(tx, logged_model_metrics, list(rows.values()))


def _targets(low: int, high: int, stride: int) -> sa.CTE:
    """Return the rows low, low + stride … as far as ``high``; no sum leaves 64 bits."""
    first = sa.select(sa.literal(low, sa.BigInteger).label("at")).cte("target", recursive=True)
    following = sa.select(first.c.at + sa.literal(stride, sa.BigInteger)).where(first.c.at <= high - stride)
    return first.union_all(following)


def _first(column: sa.ColumnElement[int], *where: sa.ColumnElement[bool]) -> sa.ScalarSelect[int]:
    return sa.select(column).where(*where).order_by(column).limit(1).correlate_except(metrics).scalar_subquery()


def _points(run_id: str, key: str) -> sa.Select[Any]:
    columns = (metrics.c.step, metrics.c.timestamp_ms, metrics.c.value, metrics.c.is_nan)
    return sa.select(*columns).where(metrics.c.run_id == run_id, metrics.c.key == key)


def _read_at(tx: Connection, run_id: str, key: str, points: sa.Subquery) -> list[Metric]:
    """Return the points at steps and times. The outer join lets SQLite begin nowhere but with these."""
    here = sa.and_(
        metrics.c.run_id == run_id,
        metrics.c.key == key,
        metrics.c.step == points.c.step,
        metrics.c.timestamp_ms == points.c.at,
    )
    query = sa.select(points.c.step, points.c.at, metrics.c.value, metrics.c.is_nan)
    query = query.select_from(points.outerjoin(metrics, here)).where(points.c.at.is_not(None))
    return _read(tx, key, query.order_by(points.c.step, points.c.at))


def _read(tx: Connection, key: str, query: sa.Select[Any]) -> list[Metric]:
    return [
        Metric(key=key, value=math.nan if is_nan else value, timestamp_ms=at, step=step)
        for step, at, value, is_nan in tx.execute(query)
    ]
