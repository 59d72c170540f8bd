"""Insert that tolerates rows that are there, in the words that SQLite and PostgreSQL share."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from registry.store.metadata import Connection


def insert_new(tx: Connection, table: sa.Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert the rows whose primary key is not there yet."""
    if rows:
        tx.execute(_insert(tx, table).on_conflict_do_nothing(), rows)


def insert_or_replace(tx: Connection, table: sa.Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows; those whose primary key is there get the new values."""
    if not rows:
        return
    insert = _insert(tx, table)
    keys = [column.name for column in table.primary_key]
    changes = {name: insert.excluded[name] for name in rows[0] if name not in keys}
    tx.execute(insert.on_conflict_do_update(index_elements=keys, set_=changes), rows)


def _insert(tx: Connection, table: sa.Table) -> "postgresql.Insert | sqlite.Insert":
    return postgresql.insert(table) if tx.dialect.name == "postgresql" else sqlite.insert(table)
