"""Comparisons and orders as SQL, for any noun that has attributes in a table and keyed values in tables beside it.

Every value and key is a bound parameter. What SQLite and PostgreSQL do differently (LIKE) is settled here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import ColumnElement

from registry.core.tracking.search import Comparison, Kind, Order
from registry.store.metadata import Connection

_GLOB = str.maketrans({"*": "[*]", "?": "[?]", "[": "[[]", "%": "*", "_": "?"})


@dataclass(frozen=True)
class Beside:
    """Keyed values beside a noun: a table with ``key`` and ``value``, for metrics also ``is_nan``.

    ``owner`` leads from its columns to the noun's. To order by it, an owner must have one row for each key.
    """

    source: sa.FromClause
    owner: Mapping[str, ColumnElement[Any]]

    def of_owner(self, source: sa.FromClause, key: str) -> ColumnElement[bool]:
        return sa.and_(*(source.c[name] == column for name, column in self.owner.items()), source.c.key == key)


@dataclass(frozen=True)
class Related:
    """Rows related to a noun that are compared by their own columns, as a run's datasets are."""

    source: sa.FromClause
    owned: ColumnElement[bool]
    columns: Mapping[str, ColumnElement[Any]]


@dataclass(frozen=True)
class Searched:
    """How a noun lies in tables. ``orders`` are the attributes that are ordered by another column than compared."""

    attributes: Mapping[str, ColumnElement[Any]]
    beside: Mapping[Kind, Beside]
    related: Mapping[Kind, Related] = field(default_factory=dict)
    orders: Mapping[str, ColumnElement[Any]] = field(default_factory=dict)


def conditions(tx: Connection, noun: Searched, comparisons: Sequence[Comparison]) -> list[ColumnElement[bool]]:
    """Return one condition for each comparison, for WHERE.

    What is missing compares with nothing: ``tags.a != 'x'`` asks for a tag that is another. NaN is only ``!=``.
    """
    return [_condition(tx, noun, comparison) for comparison in comparisons]


def ordered(query: sa.Select[Any], noun: Searched, orders: Sequence[Order]) -> sa.Select[Any]:
    """Return the query ordered, numbers before NaN before what is missing, in both directions."""
    for order in orders:
        if order.kind is Kind.ATTRIBUTE:
            column = noun.orders.get(order.key, noun.attributes[order.key])
            terms: list[ColumnElement[Any]] = [column.is_(None)] if getattr(column, "nullable", True) else []
        else:
            beside = noun.beside[order.kind]
            source = beside.source.alias()
            query = query.outerjoin(source, beside.of_owner(source, order.key))
            column = source.c.value
            terms = [column.is_(None), *([source.c.is_nan] if order.kind is Kind.METRIC else [])]
        query = query.order_by(*terms, directed(column, order))
    return query


def directed(column: ColumnElement[Any], order: Order) -> ColumnElement[Any]:
    return column.asc() if order.ascending else column.desc()


def metric_condition(source: sa.FromClause, comparison: Comparison) -> ColumnElement[bool]:
    """Return the condition on a row of metrics."""
    number = source.c.is_nan == sa.false()
    compared = _relate(source.c.value, comparison.operator, comparison.value)
    return sa.or_(~number, compared) if comparison.operator == "!=" else sa.and_(number, compared)


def value_condition(tx: Connection, source: sa.FromClause, comparison: Comparison) -> ColumnElement[bool]:
    """Return the condition on a row of metrics, params or tags that has the comparison's key."""
    if comparison.kind is Kind.METRIC:
        return metric_condition(source, comparison)
    if comparison.operator == "IS NOT NULL":
        return sa.true()
    return compare(tx, source.c.value, comparison.operator, comparison.value)


def _condition(tx: Connection, noun: Searched, comparison: Comparison) -> ColumnElement[bool]:
    kind, operator = comparison.kind, comparison.operator
    if kind is Kind.ATTRIBUTE:
        return compare(tx, noun.attributes[comparison.key], operator, comparison.value)
    if kind in noun.related:
        related = noun.related[kind]
        compared = compare(tx, related.columns[comparison.key], operator, comparison.value)
        return sa.exists().select_from(related.source).where(related.owned, compared)
    beside = noun.beside[kind]
    source = beside.source.alias()
    here = sa.exists().select_from(source).where(beside.of_owner(source, comparison.key))
    return ~here if operator == "IS NULL" else here.where(value_condition(tx, source, comparison))


def compare(tx: Connection, column: ColumnElement[Any], operator: str, value: Any) -> ColumnElement[bool]:
    """Return the condition that a column compares so; with LIKE by the case of its letters, with ILIKE without."""
    match operator:
        case "IN":
            return column.in_(value)
        case "NOT IN":
            return column.not_in(value)
        case "LIKE":
            return _like(tx, column, value)
        case "ILIKE":
            return column.ilike(_pattern(tx, value))
        case _:
            return _relate(column, operator, value)


def _relate(column: ColumnElement[Any], operator: str, value: Any) -> ColumnElement[bool]:
    # A fraction keeps its own type: as its column's, PostgreSQL would round it.
    given = sa.literal(value, sa.Double) if isinstance(value, float) else value
    match operator:
        case "=":
            return column == given
        case "!=":
            return column != given
        case "<":
            return column < given
        case "<=":
            return column <= given
        case ">":
            return column > given
        case ">=":
            return column >= given
    raise AssertionError(f"no grammar allows {operator!r}")


def _like(tx: Connection, column: ColumnElement[Any], pattern: str) -> ColumnElement[bool]:
    """Compare with regard to case; SQLite's LIKE has none, its GLOB has."""
    if tx.dialect.name == "sqlite":
        return column.op("GLOB", is_comparison=True)(pattern.translate(_GLOB))
    return column.like(_pattern(tx, pattern))


def _pattern(tx: Connection, pattern: str) -> str:
    """Make a backslash stand for itself, as it does in SQLite's LIKE."""
    return pattern if tx.dialect.name == "sqlite" else pattern.replace("\\", "\\\\")
