"""What searches say to each database; that they find what they should is shown noun by noun."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from registry.core.tracking.search import MODEL_VERSIONS, Kind, parse_filter, parse_orders
from registry.store.metadata import Connection
from registry.store.schema import model_version_tags, model_versions
from registry.store.tracking.search import Beside, Searched, conditions, ordered

DIALECTS = {"sqlite": sqlite.dialect(), "postgresql": postgresql.dialect()}  # type: ignore[no-untyped-call]
VERSIONS = Searched(
    attributes={"name": model_versions.c.name, "version_number": model_versions.c.version},
    beside={Kind.TAG: Beside(model_version_tags, {"name": model_versions.c.name, "version": model_versions.c.version})},
)


def _where(dialect: str, text: str) -> tuple[str, dict[str, Any]]:
    tx = cast(Connection, SimpleNamespace(dialect=DIALECTS[dialect]))
    (condition,) = conditions(tx, VERSIONS, parse_filter(text, MODEL_VERSIONS))
    compiled = condition.compile(dialect=DIALECTS[dialect])
    return " ".join(str(compiled).split()), dict(compiled.params)


@pytest.mark.parametrize(
    ("dialect", "pattern", "operator", "given"),
    [
        ("sqlite", "a%_b", "GLOB", "a*?b"),
        ("sqlite", "*?[x]", "GLOB", "[*][?][[]x]"),
        ("sqlite", "back\\slash", "GLOB", "back\\slash"),
        ("postgresql", "a%_b", "LIKE", "a%_b"),
        ("postgresql", "back\\slash", "LIKE", "back\\\\slash"),
    ],
)
def test_like_regards_case_on_both(dialect: str, pattern: str, operator: str, given: str) -> None:
    text, params = _where(dialect, f"name LIKE '{pattern}'")
    assert f" {operator} " in text
    assert list(params.values()) == [given]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_value_beside_is_sought_by_the_whole_key_of_its_owner(dialect: str) -> None:
    text, params = _where(dialect, "tags.stage = 'x'' OR 1=1 --'")
    assert "model_version_tags_1.name = model_versions.name" in text
    assert "model_version_tags_1.version = model_versions.version" in text
    assert list(params.values()) == ["stage", "x' OR 1=1 --"]
    assert "OR" not in text


def test_a_fraction_is_not_rounded_to_its_columns_type() -> None:
    text, params = _where("postgresql", "version_number > 1.5")
    assert params == {"param_1": 1.5}
    bound = text.partition("> ")[2]
    assert "INTEGER" not in bound


def test_only_what_may_be_missing_is_ordered_by_that_first() -> None:
    orders = parse_orders(["version_number DESC", "tags.stage"], MODEL_VERSIONS)
    text = str(ordered(sa.select(model_versions.c.name), VERSIONS, orders))
    assert text.endswith(
        "ORDER BY model_versions.version DESC, model_version_tags_1.value IS NULL, model_version_tags_1.value ASC"
    )
