"""Insert that tolerates rows that are there, in the words that SQLite and PostgreSQL share.

A statement is compiled once for each table and then handed to the driver as text: for a batch of 100 metrics that takes
a third off what the database's own work costs. Its columns must need no conversion, so not JSON.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.compiler import SQLCompiler

from registry.store.metadata import Connection

Newer = Callable[["sa.ColumnCollection[str, Any]"], sa.ColumnElement[bool]]


def insert_new(tx: Connection, table: sa.Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert the rows whose primary key is not there yet. All have the same columns."""
    if rows:
        _run(tx, _insert_new(tx.dialect, table, tuple(rows[0])), rows)


def insert_or_replace(
    tx: Connection, table: sa.Table, rows: Sequence[dict[str, Any]], where: Newer | None = None
) -> None:
    """Insert rows; those whose primary key is there get the new values, if ``where`` says so of them."""
    if rows:
        _run(tx, _insert_or_replace(tx.dialect, table, tuple(rows[0]), where), rows)


def _run(tx: Connection, statement: SQLCompiler, rows: Sequence[dict[str, Any]]) -> None:
    order = statement.positiontup
    parameters: list[Any] = list(rows) if order is None else [tuple([row[name] for name in order]) for row in rows]
    tx.exec_driver_sql(statement.string, parameters)


@cache
def _insert_new(dialect: Dialect, table: sa.Table, names: tuple[str, ...]) -> SQLCompiler:
    return _compile(dialect, _insert(dialect, table).on_conflict_do_nothing(), names)


@cache
def _insert_or_replace(dialect: Dialect, table: sa.Table, names: tuple[str, ...], where: Newer | None) -> SQLCompiler:
    insert = _insert(dialect, table)
    keys = [column.name for column in table.primary_key]
    changes = {name: insert.excluded[name] for name in names if name not in keys}
    condition = where(insert.excluded) if where else None
    return _compile(dialect, insert.on_conflict_do_update(index_elements=keys, set_=changes, where=condition), names)


def _compile(dialect: Dialect, insert: sa.Insert, names: tuple[str, ...]) -> SQLCompiler:
    statement = insert.compile(dialect=dialect, column_keys=list(names))
    assert isinstance(statement, SQLCompiler)
    return statement


def _insert(dialect: Dialect, table: sa.Table) -> "postgresql.Insert | sqlite.Insert":
    return postgresql.insert(table) if dialect.name == "postgresql" else sqlite.insert(table)
