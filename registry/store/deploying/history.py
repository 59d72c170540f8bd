"""Rows of endpoints' histories, which outlive the endpoints."""

from typing import Any

import msgspec
import sqlalchemy as sa

from registry.core.deploying.endpoints import Endpoint
from registry.core.deploying.history import ChangeKind, EndpointChange, LiveRevision
from registry.store.metadata import Connection
from registry.store.schema import endpoint_changes as rows


def add(tx: Connection, endpoint: str, change: EndpointChange) -> None:
    tx.execute(sa.insert(rows).values(endpoint_id=endpoint.lower(), **msgspec.to_builtins(change)))


def newest(tx: Connection, endpoint: str, limit: int) -> list[EndpointChange]:
    """Return the newest changes, from old to new."""
    query = sa.select(rows).where(rows.c.endpoint_id == endpoint.lower())
    return [_change(row) for row in reversed(tx.execute(query.order_by(rows.c.number.desc()).limit(limit)).all())]


def last(tx: Connection, endpoint: str) -> EndpointChange | None:
    return next(iter(newest(tx, endpoint, 1)), None)


def held_at(tx: Connection, endpoint: str, at_ms: int) -> EndpointChange | None:
    """Return the last change at or before a time."""
    query = sa.select(rows).where(rows.c.endpoint_id == endpoint.lower(), rows.c.at_ms <= at_ms)
    row = tx.execute(query.order_by(rows.c.number.desc()).limit(1)).first()
    return _change(row) if row else None


def of_release(tx: Connection, endpoint: str, release: int) -> EndpointChange | None:
    """Return the change that made a release."""
    query = sa.select(rows).where(rows.c.endpoint_id == endpoint.lower(), rows.c.release == release)
    row = tx.execute(query.order_by(rows.c.number).limit(1)).first()
    return _change(row) if row else None


def _change(row: sa.Row[Any]) -> EndpointChange:
    return EndpointChange(
        number=row.number,
        release=row.release,
        before=row.before,
        kind=ChangeKind(row.kind),
        message=row.message,
        who=row.who,
        at_ms=row.at_ms,
        endpoint=msgspec.convert(row.endpoint, Endpoint | None),
        live=msgspec.convert(row.live, list[LiveRevision]),
    )
