"""Documents that a person hands in: a YAML file, and values set over it with ``--set``."""

from pathlib import Path
from typing import Any

import typer

from registry.core.errors import InvalidInput
from registry.core.loading import parse_yaml

FILE_OPTION = typer.Option(..., "--file", "-f", help="The YAML file.")
SET_OPTION = typer.Option(None, "--set", help="key.path=value, over what the file says; may be repeated.")


def read_document(path: Path, overrides: list[str] | None) -> dict[str, Any]:
    """Return a YAML file's mapping with ``key.path=value`` overrides in it, values read as YAML.

    Raises:
        InvalidInput: the file can't be read, is no mapping, or an override is malformed.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"cannot read {path}: {error.strerror}") from error
    document = _parse(content, str(path))
    if not isinstance(document, dict):
        raise InvalidInput(f"{path}: expected keys and values at the top level", path="$")
    for override in overrides or []:
        _set(document, override)
    return document


def _parse(content: bytes | str, source: str) -> Any:
    try:
        return parse_yaml(content)
    except InvalidInput as error:
        raise InvalidInput(f"{source}: {error.message}", **error.details) from error


def _set(document: dict[str, Any], override: str) -> None:
    keys, equals, text = override.partition("=")
    if not equals or not all(keys.split(".")):
        raise InvalidInput(f"--set {override!r}: write key.path=value, for example model=azureml:cancer:2")
    *parents, last = keys.split(".")
    inner = document
    for parent in parents:
        inner = inner.setdefault(parent, {})
        if not isinstance(inner, dict):
            raise InvalidInput(f"--set {override!r}: {parent} holds no keys")
    inner[last] = _parse(text, f"--set {override!r}")
