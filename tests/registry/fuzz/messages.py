"""MLflow's bodies, drawn from the records that the doors read them into: right ones, and every way of being wrong."""

import inspect
import json
import re
import sys
from typing import Any

from hypothesis import strategies as st
from msgspec import inspect as shapes

from registry.api.route import ApiRoute

Values = st.SearchStrategy[Any]

_READS = re.compile(r"read_(?:message|params)\(\s*request,\s*([\w.]+)")
_ASKS = re.compile(r'query_value\(request, "(\w+)"\)')

# Text with everything that text can hold: NUL, halves of letters, right-to-left marks, quotes of SQL and of HTML.
TEXTS = st.text(st.characters(exclude_categories=()), max_size=40) | st.sampled_from(
    [
        "",
        "\0",
        "a\0b",
        "\ud800",
        "\udfff\ud800",
        "é" * 300,
        "x" * 9000,
        "../..",
        "' OR 1=1 --",
        "<script>",
        "%00",
        "%s",
        "NaN",
        "1e999",
        "-0",
        "9" * 400,
        "null",
        "²",
        "\u202e",
        "\n",
        "{}",
        "a/b",
        "a//b",
        ".",
        "=",
        "1",
        "0",
    ]
)
NUMBERS = st.one_of(
    st.integers(),
    st.sampled_from([0, -1, 2**31, 2**53, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 10**30, 10**400]),
    st.floats(),
)
FILTERS = st.one_of(
    TEXTS,
    st.sampled_from(
        [
            "metrics.loss > 1e308",
            "params.C = '0'",
            "tags.`a b` LIKE '%\0%'",
            "attributes.start_time > 1" + "0" * 300,
            "attributes.run_id IN ('a','b')",
            "tags.x IS NULL",
            "name LIKE '%_\\'",
            "dataset.name = 'x'",
            "metrics.m = 1" * 9,
            "start_time < -99999999999999999999",
            "a" * 9999,
            "((((",
            "name = 'x' AND " * 90,
            'tags."x" = "y"',
        ]
    ),
)
TAME = st.sampled_from(["loss", "C", "a b", "é", "x/y", "FINISHED", "1", "0.5", "true"])
ORDERS = st.sampled_from(
    ["metrics.loss DESC", "start_time", "params.`x y` ASC", "name", "tags.x", "tags.\0", "x DESC y"]
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


def record_of(route: ApiRoute) -> Any:
    """Return the record that the route's handler reads, or None."""
    found = _READS.search(inspect.getsource(route.handler))
    if found is None:
        return None
    value: Any = sys.modules[route.handler.__module__]
    for name in found[1].split("."):
        value = getattr(value, name)
    return value


def bodies(route: ApiRoute, known: dict[str, str]) -> Values:
    """Draw values for a route: mostly what its record wants."""
    record = record_of(route)
    if record is None:
        names = _ASKS.findall(inspect.getsource(route.handler))
        return st.fixed_dictionaries({}, optional={name: _texts(name, known) for name in names})
    right = _of(shapes.type_info(record), "", known)
    return _mostly(right, ANYTHING | st.dictionaries(st.sampled_from(sorted(known)), ANYTHING))


def written(values: Any) -> bytes:
    """Write values as some client might: also those that JSON has no words for."""
    return json.dumps(values).encode()


def _of(shape: shapes.Type, name: str, known: dict[str, str]) -> Values:
    match shape:
        case shapes.StructType():
            return _record(shape, known)
        case shapes.ListType() | shapes.CollectionType():
            return st.lists(_of(shape.item_type, name, known), min_size=name in known, max_size=3)
        case shapes.DictType():
            return st.dictionaries(TEXTS, _of(shape.value_type, name, known), max_size=3)
        case shapes.UnionType():
            return st.one_of(*(_of(option, name, known) for option in shape.types))
        case shapes.StrType():
            return _texts(name, known)
        case _:
            return _single(shape)


def _record(shape: shapes.StructType, known: dict[str, str]) -> Values:
    fields = {field.encode_name: _of(field.type, field.encode_name, known) for field in shape.fields}
    needed = {field.encode_name for field in shape.fields if field.required}
    return st.fixed_dictionaries(
        {one: drawn for one, drawn in fields.items() if one in needed},
        optional={one: drawn for one, drawn in fields.items() if one not in needed},
    )


def _single(shape: shapes.Type) -> Values:
    match shape:
        case shapes.EnumType():
            return st.sampled_from([one.value for one in shape.cls])
        case shapes.IntType() | shapes.FloatType():
            return _mostly(st.integers(1, 100), NUMBERS | NUMBERS.map(_as_text))
        case shapes.BoolType():
            return st.booleans()
        case _:
            return ANYTHING


def _as_text(number: float) -> str:
    return "1" + "0" * 400 if isinstance(number, int) and abs(number) > 10**300 else str(number)


def _texts(name: str, known: dict[str, str]) -> Values:
    tame: dict[str, Values] = {
        "filter": FILTERS,
        "order_by": ORDERS,
        "view_type": st.sampled_from(["ACTIVE_ONLY", "DELETED_ONLY", "ALL"]),
        "page_token": st.just(""),
        "artifact_location": st.just(""),
        **{one: st.just(value) for one, value in known.items()},
    }
    return _mostly(tame.get(name.removeprefix("run_") if "view" in name else name, TAME), TEXTS)


def _mostly(tame: Values, wild: Values) -> Values:
    """Draw what gets far into an operation, and now and then what it may stumble over."""
    return st.integers(0, 11).flatmap(lambda number: wild if number == 0 else tame)
