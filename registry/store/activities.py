"""Rows of activities and their log lines."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from registry.core.activities import Activity, ActivityKind, ActivityState
from registry.store.metadata import Connection
from registry.store.schema import activities, activity_lines, revisions


def insert(tx: Connection, activity: Activity) -> None:
    tx.execute(
        sa.insert(activities).values(
            id=activity.id,
            kind=activity.kind,
            subject=activity.subject,
            state=activity.state,
            progress=activity.progress,
            message=activity.message,
            result=activity.result,
            created_ms=activity.created_ms,
            ended_ms=activity.ended_ms,
        )
    )
    for line in activity.log:
        add_line(tx, activity.id, line)


def update(tx: Connection, activity: Activity) -> None:
    """Store what can change of an activity; its log grows by ``add_line``."""
    values = {
        "state": activity.state,
        "progress": activity.progress,
        "message": activity.message,
        "result": activity.result,
        "ended_ms": activity.ended_ms,
    }
    tx.execute(sa.update(activities).where(activities.c.id == activity.id).values(values))


def add_line(tx: Connection, activity_id: str, line: str) -> None:
    count = sa.select(sa.func.count()).where(activity_lines.c.activity_id == activity_id)
    number = (tx.scalar(count) or 0) + 1
    tx.execute(sa.insert(activity_lines).values(activity_id=activity_id, number=number, line=line))


def find(tx: Connection, activity_id: str) -> Activity | None:
    found = _load(tx, sa.select(activities).where(activities.c.id == activity_id))
    return found[0] if found else None


def newest(tx: Connection, limit: int) -> list[Activity]:
    return _load(tx, sa.select(activities).order_by(activities.c.created_ms.desc(), activities.c.id).limit(limit))


def running(tx: Connection, kind: ActivityKind) -> list[Activity]:
    return _load(tx, sa.select(activities).where(*_running(kind)))


def count_running(tx: Connection, kind: ActivityKind) -> int:
    return tx.scalar(sa.select(sa.func.count()).select_from(activities).where(*_running(kind))) or 0


def _running(kind: ActivityKind) -> tuple[sa.ColumnElement[bool], ...]:
    return activities.c.kind == kind, activities.c.state == ActivityState.RUNNING


def count_unused(tx: Connection, before_ms: int) -> int:
    """Return how many ended before a time and are of no revision that is there."""
    return tx.scalar(sa.select(sa.func.count()).select_from(activities).where(_unused(before_ms))) or 0


def drop_unused(tx: Connection, before_ms: int) -> None:
    """Delete those, with their logs."""
    tx.execute(sa.delete(activities).where(_unused(before_ms)))


def _unused(before_ms: int) -> sa.ColumnElement[bool]:
    used = sa.select(revisions.c.number).where(revisions.c.activity_id == activities.c.id).exists()
    return (activities.c.ended_ms <= before_ms) & ~used


def _load(tx: Connection, query: sa.Select[Any]) -> list[Activity]:
    rows = tx.execute(query).all()
    logs = _logs(tx, [row.id for row in rows])
    return [
        Activity(
            id=row.id,
            kind=ActivityKind(row.kind),
            subject=row.subject,
            state=ActivityState(row.state),
            progress=row.progress,
            message=row.message,
            log=logs[row.id],
            created_ms=row.created_ms,
            ended_ms=row.ended_ms,
            result=row.result,
        )
        for row in rows
    ]


def _logs(tx: Connection, ids: Sequence[str]) -> dict[str, list[str]]:
    logs: dict[str, list[str]] = defaultdict(list)
    query = sa.select(activity_lines).where(activity_lines.c.activity_id.in_(ids)).order_by(activity_lines.c.number)
    for row in tx.execute(query):
        logs[row.activity_id].append(row.line)
    return logs
