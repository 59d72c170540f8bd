"""How a script's run() is to be called, found out once from its parameters and decorators."""

from __future__ import annotations

import inspect
import sys
from types import ModuleType
from typing import Any, Callable, Dict, List

from ...errors import ScriptLoadFailed
from .flask_requests import Requests
from .inputs import Input, NamedInput, TextInput
from .modules import RAW_HTTP_MODULES
from .raw_input import RawInput
from .schemas import is_decorated

HEADERS = "request_headers"
_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class Entry:
    """A run() and the way to it. ``raw_http`` means that it takes the request itself, so only /score reaches it."""

    def __init__(self, run: Callable[..., Any], input_: Input, wants_headers: bool) -> None:
        self.run = run
        self.input = input_
        self.wants_headers = wants_headers
        self.raw_http = isinstance(input_, RawInput)


def entry_of(module: ModuleType, requests: Requests) -> Entry:
    """Look at a script's run(), or at that of the script which a driver module calls.

    Raises:
        ScriptLoadFailed: no request could ever be given to it.
    """
    run = getattr(module_of_run(module), "run", None)
    if not callable(run):
        raise ScriptLoadFailed("there is no function run()")
    for function, name in ((getattr(module, "init", None), "init"), (run, "run")):
        if is_async(inspect.unwrap(function) if callable(function) else function):
            raise ScriptLoadFailed(f"{name}() is async: it is called as a plain function, so it must be one")
    parameters = list(inspect.signature(run).parameters.values())
    if any(parameter.kind not in _BY_NAME for parameter in parameters):
        raise ScriptLoadFailed("run() cannot accept positional-only arguments, *args, or **kwargs.")
    given = [parameter for parameter in parameters if parameter.name != HEADERS]
    wants_headers = len(given) < len(parameters)
    if not given:
        other = f'an argument other than "{HEADERS}".' if wants_headers else "an argument for input data."
        raise ScriptLoadFailed(f"run() needs to accept {other}")
    return Entry(run, _input_of(run, given, requests), wants_headers)


def is_async(function: Any) -> bool:
    """Say whether a call of a function gives something to be awaited."""
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


def module_of_run(module: ModuleType) -> ModuleType:
    """Return a script's module, or the one that a driver module drives."""
    driven = getattr(module, "driver_module", None)
    return driven if isinstance(driven, ModuleType) and hasattr(driven, "run") else module


def _input_of(run: Callable[..., Any], given: List[inspect.Parameter], requests: Requests) -> Input:
    raw, decorated = _raw_http_asked(), is_decorated(run)
    if raw and decorated:
        raise ScriptLoadFailed("run() cannot be decorated with both @rawhttp and @input_schema")
    if decorated:
        return NamedInput(given)
    for parameter in given[1:]:
        if parameter.default is inspect.Parameter.empty:
            raise ScriptLoadFailed(
                f"run() needs a value for {parameter.name!r}, and only its first parameter is given one:"
                " name its inputs with inference-schema's @input_schema, or give it a default"
            )
    name = given[0].name
    return RawInput(name, requests) if raw else TextInput(name)


def _raw_http_asked() -> bool:
    """Say whether @rawhttp was applied: every edition of the decorator notes it in its module, not at the function."""
    modules: Dict[str, ModuleType] = sys.modules
    return any(getattr(modules.get(name), "_rawHttpRequested", False) for name in RAW_HTTP_MODULES)
