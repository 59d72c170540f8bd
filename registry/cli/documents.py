"""Documents that a person hands in: a YAML file, and values set over it with ``--set``."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import typer

from registry.core.deploying.documents import load_deployment, load_endpoint
from registry.core.errors import InvalidInput, SlipwayError
from registry.core.imaging.image_documents import load_image
from registry.core.loading import parse_yaml
from registry.core.times import length_s

FILE_OPTION = typer.Option(..., "--file", "-f", help="The YAML file.")
SET_OPTION = typer.Option(None, "--set", help="key.path=value, over what the file says; may be repeated.")

TTL_OPTION = typer.Option(None, "--ttl", help="Delete it by itself after this long: 90s, 30m, 2h, 7d.")

T = TypeVar("T")

_CREATED_BY: dict[Callable[[Any], Any], str] = {
    load_endpoint: "an endpoint's file: `slipway endpoint create -f {}`",
    load_deployment: "a deployment's file: `slipway deployment create -f {}`",
    load_image: "an image's file: `slipway image build -f {}`",
}


def with_ttl(overrides: list[str] | None, ttl: str | None) -> list[str]:
    """Return overrides with what ``--ttl`` says. Raises InvalidInput if that is no length of time."""
    return [*(overrides or []), *([] if ttl is None else [f"ttl_s={length_s(ttl, '--ttl')}"])]


def load_file(path: Path, overrides: list[str] | None, load: Callable[[Any], T]) -> T:
    """Return the record that ``load`` makes of a YAML file with overrides. Raises as ``read_file``."""
    return read_file(path, overrides, load)[1]


def read_file(path: Path, overrides: list[str] | None, load: Callable[[Any], T]) -> tuple[dict[str, Any], T]:
    """Return the plain values of a YAML file with overrides, and the record that ``load`` makes of them.

    Raises:
        InvalidInput: as ``read_document`` and ``loaded``.
    """
    values = read_document(path, overrides)
    return values, loaded(path, values, load)


def loaded(path: Path, values: dict[str, Any], load: Callable[[Any], T]) -> T:
    """Return the record that ``load`` makes of a file's plain values.

    Raises:
        InvalidInput: as ``load``; the message names the file, and what else it looks like.
    """
    try:
        return load(values)
    except InvalidInput as error:
        kind = next((text for other, text in _CREATED_BY.items() if _is_loaded_by(other, values)), None)
        hint = f" (this looks like {kind.format(path)})" if kind else ""
        raise InvalidInput(f"{path}: {_plain(error.message)}{hint}", **error.details) from error


@contextmanager
def of_file(path: Path) -> Iterator[None]:
    """Let what the registry finds wrong in the file's values name the file."""
    try:
        yield
    except SlipwayError as error:
        if not error.message.startswith("$"):
            raise
        raise type(error)(f"{path}: {_plain(error.message)}", **error.details) from error


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


def _plain(message: str) -> str:
    """Return a message without the mark of a JSON path's root."""
    return message.removeprefix("$.").removeprefix("$: ")


def _is_loaded_by(load: Callable[[Any], Any], values: dict[str, Any]) -> bool:
    try:
        load(values)
    except InvalidInput:
        return False
    return True


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
