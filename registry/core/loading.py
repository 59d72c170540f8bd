"""Strict reading of YAML and JSON into records: an unknown key or choice is an error that says where."""

import re
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import Any, TypeVar

import msgspec
import yaml
from msgspec import inspect

from registry.core.errors import InvalidInput
from registry.core.yaml_shape import shape_error

T = TypeVar("T")

_AT = re.compile(r"(?P<text>.*?)(?: - at `(?P<path>.*)`)?\Z", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(.*)`")
# What PyYAML raises for 2001-99-99, 0x_, !!int '', !!bool x or !!timestamp x.
_NO_VALUE = (ValueError, ArithmeticError, LookupError, AttributeError, TypeError)
_PLAIN_KEY = re.compile(r"[A-Za-z_$][-\w]*\Z")


def parse_yaml(data: bytes | str) -> Any:
    """Return plain values. JSON is YAML too. Raises InvalidInput."""
    try:
        reason = shape_error(data)
        if reason is not None:
            raise InvalidInput(reason, path="$")
        return msgspec.yaml.decode(data)
    except (msgspec.DecodeError, yaml.YAMLError, UnicodeError) as error:
        raise InvalidInput(f"this is not YAML: {error}", path="$") from error
    except _NO_VALUE as error:
        raise InvalidInput(f"this has a value that is none of its kind: {error}", path="$") from error


def parse_json(data: bytes | str) -> Any:
    """Return plain values. Raises InvalidInput."""
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"this is not JSON: {error}", path="$") from error
    except RecursionError as error:
        raise InvalidInput("this is nested too deeply", path="$") from error


def to_record(value: Any, record: type[T], refused: Mapping[str, str] | None = None) -> T:
    """Convert plain values to a record.

    ``refused`` maps paths of keys that are known to have no effect here to a sentence that says so; a refused key
    may be present only as null.

    Raises:
        InvalidInput: an unknown or refused key, a missing one, or a value that is no choice or of the wrong type;
            ``details["path"]`` is its JSON path.
    """
    _check_keys(value, inspect.type_info(record), "$", refused or {})
    try:
        return msgspec.convert(value, record)
    except msgspec.ValidationError as error:
        raise _explain(str(error)) from error


def check_keys(value: Any, record: type[Any], path: str) -> None:
    """Raise InvalidInput if values at ``path`` hold a key or choice that ``record`` does not have, at any depth."""
    _check_keys(value, inspect.type_info(record), path, {})


def child(path: str, key: str) -> str:
    """Append a key to a JSON path, quoted when it must be."""
    return f"{path}.{key}" if _PLAIN_KEY.match(key) else f"{path}[{msgspec.json.encode(key).decode()}]"


def _check_keys(value: Any, expected: inspect.Type, path: str, refused: Mapping[str, str]) -> None:
    match expected:
        case inspect.StructType() if isinstance(value, dict):
            fields = {field.encode_name: field.type for field in expected.fields}
            for key, item in value.items():
                _check_key(str(key), item, path, fields, refused)
        case inspect.DictType() if isinstance(value, dict):
            for key, item in value.items():
                _check_keys(item, expected.value_type, child(path, str(key)), refused)
        case inspect.ListType() if isinstance(value, list):
            for index, item in enumerate(value):
                _check_keys(item, expected.item_type, f"{path}[{index}]", refused)
        case inspect.EnumType() if isinstance(value, str):
            _check_choice(value, [str(choice.value) for choice in expected.cls], path)
        case inspect.LiteralType() if isinstance(value, str):
            _check_choice(value, [str(choice) for choice in expected.values], path)
        case inspect.UnionType():
            for option in expected.types:
                _check_keys(value, option, path, refused)
        case _:
            return


def _check_key(key: str, item: Any, path: str, fields: dict[str, inspect.Type], refused: Mapping[str, str]) -> None:
    here = child(path, key)
    if here in refused and item is not None:
        raise InvalidInput(f"{here}: {refused[here]}", path=here)
    if key in fields:
        _check_keys(item, fields[key], here, refused)
    elif here not in refused:
        near = _nearest(key, fields)
        hint = f"did you mean {near!r}?" if near else f"known keys are {', '.join(sorted(fields))}"
        raise InvalidInput(f"{here}: unknown key {key!r}; {hint}", path=here)


def _check_choice(value: str, choices: list[str], path: str) -> None:
    if value in choices:
        return
    near = _nearest(value, choices)
    hint = f"did you mean {near!r}? There is" if near else "there is"
    raise InvalidInput(f"{path}: unknown value {value!r}; {hint} {', '.join(choices)}", path=path)


def _nearest(word: str, known: Collection[str]) -> str | None:
    near = [name for name in known if name.startswith(word)] or get_close_matches(word, known, n=1)
    return near[0] if near else None


def _explain(message: str) -> InvalidInput:
    match = _AT.match(message)
    assert match is not None
    path = match["path"] or "$"
    text = _MISSING.sub(r"the key '\1' is missing", match["text"])
    return InvalidInput(f"{path}: {text[0].lower()}{text[1:]}", path=path)
