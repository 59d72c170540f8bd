"""What an index of metrics, params or tags can tell of a comparison, before any row is read."""

import re

import sqlalchemy as sa
from sqlalchemy.sql.elements import ColumnElement

from registry.core.search import Comparison, Kind
from registry.store.metadata import Connection
from registry.store.schema import HEAD, head_of
from registry.store.search import metric_condition, value_condition

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


def index_condition(source: sa.FromClause, comparison: Comparison) -> ColumnElement[bool]:
    """Return what the index can tell of a row that has the comparison's key; more rows hold it than pass."""
    if comparison.kind is Kind.METRIC:
        return metric_condition(source, comparison)
    head, value = head_of(source.c.value), comparison.value
    if comparison.operator == "=" and isinstance(value, str):
        return head == value[:HEAD]
    if comparison.operator == "LIKE" and isinstance(value, str):
        begins = _LITERAL.match(value)
        return _begins_with(head, begins[0][:HEAD] if begins else "")
    return sa.true()


def rest_condition(tx: Connection, source: sa.FromClause, comparison: Comparison) -> ColumnElement[bool]:
    """Return what a row that the index gave must still hold. An equal value is compared by its end: SQLite would put
    the whole into the index's own expression, and then not know it again."""
    if comparison.kind is not Kind.METRIC and comparison.operator == "=" and isinstance(comparison.value, str):
        return sa.func.substr(source.c.value, HEAD + 1) == comparison.value[HEAD:]
    return value_condition(tx, source, comparison)


def _begins_with(head: ColumnElement[str], text: str) -> ColumnElement[bool]:
    if not text:
        return sa.true()
    end = after(text)
    return head >= text if end is None else sa.and_(head >= text, head < end)


def after(text: str) -> str | None:
    """Return the first text, by its characters, behind all that begin with this one; None if there is none."""
    for index in reversed(range(len(text))):
        following = ord(text[index]) + 1
        if following < 0x110000:
            return text[:index] + chr(_SURROGATES.stop if following in _SURROGATES else following)
    return None
