"""Insert that tolerates rows that are there, in the words that SQLite and PostgreSQL share.

A statement is compiled once for each table and then handed to the driver as text: for a batch of 100 metrics that takes
a third off what the database's own work costs. Rows with JSON in them go the longer way, which converts it.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.compiler import SQLCompiler

from registry.store.metadata import Connection

Newer = Callable[["sa.ColumnCollection[str, Any]"], sa.ColumnElement[bool]]


class _Statement(NamedTuple):
    """``text`` is None where values must be converted; ``order`` is that of positional parameters."""

    insert: sa.Insert
    text: str | None
    order: list[str] | None


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


def _run(tx: Connection, statement: _Statement, rows: Sequence[dict[str, Any]]) -> None:
    if statement.text is None:
        tx.execute(statement.insert, rows)
        return
    order = statement.order
    parameters: list[Any] = list(rows) if order is None else [tuple([row[name] for name in order]) for row in rows]
    tx.exec_driver_sql(statement.text, parameters)


@cache
def _insert_new(dialect: Dialect, table: sa.Table, names: tuple[str, ...]) -> _Statement:
    return _compile(dialect, table, _insert(dialect, table).on_conflict_do_nothing(), names)


@cache
def _insert_or_replace(dialect: Dialect, table: sa.Table, names: tuple[str, ...], where: Newer | None) -> _Statement:
    insert = _insert(dialect, table)
    keys = [column.name for column in table.primary_key]
    changes = {name: insert.excluded[name] for name in names if name not in keys}
    condition = where(insert.excluded) if where else None
    replacing = insert.on_conflict_do_update(index_elements=keys, set_=changes, where=condition)
    return _compile(dialect, table, replacing, names)


def _compile(dialect: Dialect, table: sa.Table, insert: sa.Insert, names: tuple[str, ...]) -> _Statement:
    if any(isinstance(table.c[name].type, sa.JSON) for name in names):
        return _Statement(insert, None, None)
    statement = insert.compile(dialect=dialect, column_keys=list(names))
    assert isinstance(statement, SQLCompiler)
    return _Statement(insert, statement.string, statement.positiontup)


def _insert(dialect: Dialect, table: sa.Table) -> "postgresql.Insert | sqlite.Insert":
    return postgresql.insert(table) if dialect.name == "postgresql" else sqlite.insert(table)
