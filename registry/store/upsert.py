"""Insert that tolerates rows that are there, in the words that SQLite and PostgreSQL share.

A statement is built once for each table and kept: building one costs several times what running it does.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from registry.store.metadata import Connection

Newer = Callable[["sa.ColumnCollection[str, Any]"], sa.ColumnElement[bool]]


def insert_new(tx: Connection, table: sa.Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert the rows whose primary key is not there yet."""
    if rows:
        tx.execute(_insert_new(tx.dialect.name, table), rows)


def insert_or_replace(
    tx: Connection, table: sa.Table, rows: Sequence[dict[str, Any]], where: Newer | None = None
) -> None:
    """Insert rows; those whose primary key is there get the new values, if ``where`` says so of them."""
    if rows:
        tx.execute(_insert_or_replace(tx.dialect.name, table, tuple(rows[0]), where), rows)


@cache
def _insert_new(dialect: str, table: sa.Table) -> sa.Executable:
    return _insert(dialect, table).on_conflict_do_nothing()


@cache
def _insert_or_replace(dialect: str, table: sa.Table, names: tuple[str, ...], where: Newer | None) -> sa.Executable:
    insert = _insert(dialect, table)
    keys = [column.name for column in table.primary_key]
    changes = {name: insert.excluded[name] for name in names if name not in keys}
    condition = where(insert.excluded) if where else None
    return insert.on_conflict_do_update(index_elements=keys, set_=changes, where=condition)


def _insert(dialect: str, table: sa.Table) -> "postgresql.Insert | sqlite.Insert":
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
