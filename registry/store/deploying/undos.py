"""Rows of undos that are under way: at most one for each endpoint."""

import msgspec
import sqlalchemy as sa

from registry.store.metadata import Connection
from registry.store.schema import endpoint_undos as rows


class Undo(msgspec.Struct, frozen=True, kw_only=True):
    """``activity_id`` is also that of the revisions that were started for it."""

    release: int
    activity_id: str
    who: str


def insert(tx: Connection, endpoint: str, undo: Undo) -> None:
    tx.execute(sa.insert(rows).values(endpoint_id=endpoint.lower(), **msgspec.to_builtins(undo)))


def find(tx: Connection, endpoint: str) -> Undo | None:
    row = tx.execute(sa.select(rows).where(rows.c.endpoint_id == endpoint.lower())).first()
    return Undo(release=row.release, activity_id=row.activity_id, who=row.who) if row else None


def delete(tx: Connection, endpoint: str) -> None:
    tx.execute(sa.delete(rows).where(rows.c.endpoint_id == endpoint.lower()))
