"""A request as the arguments of run(): the body as text, its JSON by name, or the request itself.

Messages and order of the checks are those of azureml-inference-server-http 1.5.1.
"""

from __future__ import annotations

import inspect
import json
from typing import Any, Dict, List, Protocol, Sequence
from urllib.parse import parse_qsl

from ...errors import InvalidInput, UnsupportedMediaType
from ..base import HttpRequest


class Input(Protocol):
    """One of the ways to call run()."""

    def arguments(self, request: HttpRequest) -> Dict[str, Any]:
        """Read a GET or POST.

        Raises:
            InvalidInput, UnsupportedMediaType
        """
        ...


class TextInput:
    """Of an undecorated run(): the body as text, whatever its type; of a GET, the parameters as JSON text."""

    def __init__(self, name: str) -> None:
        self._name = name

    def arguments(self, request: HttpRequest) -> Dict[str, Any]:
        try:
            if request.method == b"GET":
                return {self._name: json.dumps(query_parameters(request.query))}
            return {self._name: request.body.decode()}
        except UnicodeDecodeError as error:
            raise InvalidInput(f"Input cannot be decoded as UTF-8: {error}") from error
        except RecursionError as error:
            raise InvalidInput("a parameter is nested too deeply") from error


class NamedInput:
    """Of a run() with inference-schema: its parameters by name, from the keys of a JSON object."""

    def __init__(self, parameters: Sequence[inspect.Parameter]) -> None:
        self.parameters = parameters

    def arguments(self, request: HttpRequest) -> Dict[str, Any]:
        if request.method == b"GET":
            return self._named(query_parameters(request.query))
        if not is_json(request.headers.get(b"content-type", b"").decode("latin-1")):
            raise UnsupportedMediaType("Expects Content-Type to be application/json")
        if not request.body:
            raise InvalidInput("POST body is empty. Expecting a JSON dictionary.")
        try:
            document = json.loads(request.body)
        except (ValueError, RecursionError) as error:
            raise InvalidInput(f"POST body could not be decoded as JSON: {error}") from error
        if not isinstance(document, dict):
            raise InvalidInput("POST body should be a JSON dictionary.")
        return self._named(document)

    def _named(self, given: Dict[str, Any]) -> Dict[str, Any]:
        values = {parameter.name: given.get(parameter.name, parameter.default) for parameter in self.parameters}
        for name, value in values.items():
            if value is inspect.Parameter.empty:
                raise InvalidInput(f"A value is not provided for the {name!r} parameter.")
        return values


def query_parameters(query: bytes) -> Dict[str, Any]:
    """Read a query: each value JSON-decoded if it can be; a repeated name gives a list."""
    values: Dict[str, List[Any]] = {}
    for name, text in parse_qsl(query.decode("utf-8", "replace"), keep_blank_values=True):
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            value = text
        values.setdefault(name, []).append(value)
    return {name: several[0] if len(several) == 1 else several for name, several in values.items()}


def is_json(content_type: str) -> bool:
    """Say whether a Content-Type is JSON's: ``application/json`` or ``application/…+json``."""
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))
