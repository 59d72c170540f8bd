"""How Azure ML's reader takes the values of a file: ``Key`` is ``key``, and ``"3"`` is 3 where a number must be."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import inspect

_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_TRUTH = {**dict.fromkeys(("true", "yes", "on", "1"), True), **dict.fromkeys(("false", "no", "off", "0"), False)}


def as_azure_reads(value: Any, record: type[Any]) -> Any:
    """Return plain values with those texts converted that the record has another type for, where Azure ML does so."""
    return _read(value, inspect.type_info(record))


def _read(value: Any, expected: inspect.Type) -> Any:
    options = expected.types if isinstance(expected, inspect.UnionType) else (expected,)
    if isinstance(value, str):
        return _text(value, options)
    for option in options:
        if isinstance(option, inspect.StructType) and isinstance(value, dict):
            types = {field.encode_name: field.type for field in option.fields}
            return {key: _read(item, types[key]) if key in types else item for key, item in value.items()}
        if isinstance(option, inspect.DictType) and isinstance(value, dict):
            return {key: _read(item, option.value_type) for key, item in value.items()}
    return value


def _text(text: str, options: Sequence[inspect.Type]) -> Any:
    if any(isinstance(option, inspect.StrType) for option in options):
        return text
    for option in options:
        match option:
            case inspect.EnumType():
                return _choice(text, [str(choice.value) for choice in option.cls])
            case inspect.LiteralType():
                return _choice(text, option.values)
            case inspect.IntType() | inspect.FloatType():
                return _number(text)
            case inspect.BoolType():
                return _TRUTH.get(text.lower(), text)
    return text


def _choice(text: str, choices: Iterable[Any]) -> str:
    snake = _WORDS.sub("_", text).lower()
    return snake if snake in choices else text


def _number(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
