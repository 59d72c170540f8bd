import pytest

from registry.core.errors import InvalidInput
from registry.core.loading import parse_yaml

DEEP = {"flow": "[" * 50_000, "block": "- " * 50_000 + "x", "mappings": "{a: " * 50_000, "keys": "? " * 50_000}
BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10)
)


@pytest.mark.parametrize("text", DEEP.values(), ids=DEEP)
def test_a_deep_document_is_refused_before_it_is_composed(text: str) -> None:
    with pytest.raises(InvalidInput, match="nested more than 100 deep"):
        parse_yaml(text)


def test_a_hundred_deep_is_read() -> None:
    assert parse_yaml("[" * 100 + "]" * 100)


def test_aliases_that_stand_for_a_document_without_end_are_refused() -> None:
    with pytest.raises(InvalidInput, match="aliases stand for more than"):
        parse_yaml(BOMB)
    with pytest.raises(InvalidInput, match=r"\*a is inside of what it stands for"):
        parse_yaml("&a [*a]")
    with pytest.raises(InvalidInput, match="not YAML"):
        parse_yaml("[*nobody]")


def test_aliases_of_everyday_are_read() -> None:
    text = "base: &base {cpu: 1}\none: {<<: *base, memory: 2}\nother: *base"
    assert parse_yaml(text) == {"base": {"cpu": 1}, "one": {"cpu": 1, "memory": 2}, "other": {"cpu": 1}}


@pytest.mark.parametrize(
    "value",
    [
        "2001-99-99",
        "2001-01-01 00:00:00 +99:99",
        "0x_",
        "!!int ''",
        "!!float ''",
        "!!bool x",
        "!!timestamp x",
        "1:" * 400 + "1.5",
    ],
)
def test_a_value_that_is_none_of_its_kind_is_refused(value: str) -> None:
    with pytest.raises(InvalidInput, match="none of its kind"):
        parse_yaml(f"a: {value}")


@pytest.mark.parametrize(
    "value", ["9" * 6000, "1:" * 100_000 + "1", f"!!int '{'1:' * 500}1'"], ids=["digits", "hours", "tag"]
)
def test_a_number_that_takes_long_to_make_is_refused(value: str) -> None:
    with pytest.raises(InvalidInput, match="more than 1,000 digits"):
        parse_yaml(f"a: {value}")


def test_digits_in_quotes_are_text() -> None:
    assert parse_yaml(f"'{'9' * 6000}'") == "9" * 6000


@pytest.mark.parametrize("data", [b"\xff\xfe\xff", b"a: \x00", "a: \ud800", "[" * 5 + "}"])
def test_what_is_no_yaml_is_told_as_that(data: bytes | str) -> None:
    with pytest.raises(InvalidInput, match="not YAML"):
        parse_yaml(data)
