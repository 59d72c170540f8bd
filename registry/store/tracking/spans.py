"""What an index of metrics, params or tags can tell of a comparison, before any row is read."""

import re

import sqlalchemy as sa
from sqlalchemy.sql.elements import ColumnElement

from registry.core.tracking.search import Comparison, Kind
from registry.store.metadata import Connection
from registry.store.schema import HEAD, head_of
from registry.store.tracking.search import compare, metric_condition, value_condition

MANY = 200  # different values of a key: more are not looked at one by one
_LITERAL = re.compile("[^%_]*")  # what a pattern of LIKE begins with
_SURROGATES = range(0xD800, 0xE000)


def has_index(comparison: Comparison) -> bool:
    """Say whether what passes lies together in an index, or what has the key does."""
    match comparison.kind:
        case Kind.METRIC:
            return comparison.operator != "!="
        case Kind.PARAM | Kind.TAG:
            return comparison.operator != "IS NULL"
    return False


def index_condition(
    tx: Connection, source: sa.FromClause, here: ColumnElement[bool], comparison: Comparison
) -> ColumnElement[bool]:
    """Return what the index can tell of the rows ``here``, which have its key. More may hold it than pass."""
    if comparison.kind is Kind.METRIC:
        return metric_condition(source, comparison)
    head, value = head_of(source.c.value), comparison.value
    if comparison.operator == "IS NOT NULL" or not isinstance(value, str):
        return sa.true()
    if comparison.operator == "=":
        return head == value[:HEAD]
    begins = _LITERAL.match(value) if comparison.operator == "LIKE" else None
    if begins and begins[0]:
        return _begins_with(head, begins[0][:HEAD])
    passing = _passing_heads(tx, head, here, comparison)
    return sa.true() if passing is None else head.in_(passing)


def rest_condition(tx: Connection, source: sa.FromClause, comparison: Comparison) -> ColumnElement[bool]:
    """Return what a row that the index gave must still hold. An equal value is compared by its end: SQLite would put
    the whole into the index's own expression, and then not know it again."""
    if comparison.kind is not Kind.METRIC and comparison.operator == "=" and isinstance(comparison.value, str):
        return sa.func.substr(source.c.value, HEAD + 1) == comparison.value[HEAD:]
    return value_condition(tx, source, comparison)


def after(text: str) -> str | None:
    """Return the first text, by its characters, behind all that begin with this one; None if there is none."""
    for index in reversed(range(len(text))):
        following = ord(text[index]) + 1
        if following < 0x110000:
            return text[:index] + chr(_SURROGATES.stop if following in _SURROGATES else following)
    return None


def _begins_with(head: ColumnElement[str], text: str) -> ColumnElement[bool]:
    end = after(text)
    return head >= text if end is None else sa.and_(head >= text, head < end)


def _passing_heads(
    tx: Connection, head: ColumnElement[str], here: ColumnElement[bool], comparison: Comparison
) -> list[str] | None:
    """Return which beginnings of values may pass; None if there are too many to look at. Each is sought behind the
    one before it, so that it does not matter how many rows have it."""
    first = sa.select(_next(head, here).label("head")).cte("heads", recursive=True)
    following = sa.select(_next(head, sa.and_(here, head > first.c.head))).where(first.c.head.is_not(None))
    heads = first.union_all(following)
    passes = sa.or_(
        sa.func.length(heads.c.head) == HEAD, compare(tx, heads.c.head, comparison.operator, comparison.value)
    )
    found = tx.execute(sa.select(heads.c.head, passes).where(heads.c.head.is_not(None)).limit(MANY + 1)).all()
    return None if len(found) > MANY else [text for text, may_pass in found if may_pass]


def _next(head: ColumnElement[str], where: ColumnElement[bool]) -> sa.ScalarSelect[str]:
    return sa.select(head).where(where).order_by(head).limit(1).scalar_subquery()
