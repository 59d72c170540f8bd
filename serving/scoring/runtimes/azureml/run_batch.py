"""A script's run_batch(): whether it may have one, and what of each request it is given.

It gets a list of what run() would get: the value where run() takes one, a dictionary by name where it takes several.
"""

from __future__ import annotations

import inspect
from types import ModuleType
from typing import Any, Callable, Dict, List, Optional

from ...errors import ScriptLoadFailed
from .entry import Entry, is_async, module_of_run
from .inputs import NamedInput

Converter = Callable[..., Dict[str, Any]]


class BatchEntry:
    """A run_batch() and the way to it."""

    def __init__(self, run_batch: Callable[[List[Any]], Any], convert: Optional[Converter]) -> None:
        self.run_batch = run_batch
        self._convert = convert

    def element(self, arguments: Dict[str, Any]) -> Any:
        """Make of run()'s arguments what stands for them in the list; inference-schema's decorators convert them."""
        if self._convert is not None:
            arguments = self._convert(**arguments)
        return arguments if len(arguments) > 1 else next(iter(arguments.values()))


def batch_entry_of(module: ModuleType, entry: Entry) -> Optional[BatchEntry]:
    """Look for run_batch() beside a script's run(); None if there is none.

    Raises:
        ScriptLoadFailed: it could never be called.
    """
    run_batch = getattr(module_of_run(module), "run_batch", None)
    if not callable(run_batch):
        return None
    if is_async(run_batch) or inspect.isgeneratorfunction(run_batch):
        raise ScriptLoadFailed("run_batch() is async or yields: it must be a plain function that returns a list")
    if entry.raw_http or inspect.isgeneratorfunction(inspect.unwrap(entry.run)):
        raise ScriptLoadFailed("run_batch() cannot stand beside a run() that yields, or has @rawhttp: leave one out")
    try:
        inspect.signature(run_batch).bind([])
    except TypeError as error:
        raise ScriptLoadFailed(f"run_batch() needs to accept one argument, the list of inputs: {error}") from error
    return BatchEntry(run_batch, _converter(entry.run) if isinstance(entry.input, NamedInput) else None)


def _converter(run: Any) -> Converter:
    """Return run()'s decorators without run(): what they convert their arguments to.

    They are wrapt's: each keeps what it does with a call in ``_self_wrapper``.
    """
    wrappers: List[Any] = []
    while hasattr(run, "_self_wrapper"):
        wrappers.append(run._self_wrapper)
        run = run.__wrapped__
    if not wrappers:
        raise ScriptLoadFailed("run_batch(): inference-schema's decorators must be the outermost of run()")
    converter: Converter = dict
    for wrapper in reversed(wrappers):
        converter = _before(wrapper, converter)
    return converter


def _before(wrapper: Any, wrapped: Converter) -> Converter:
    def converter(**arguments: Any) -> Dict[str, Any]:
        converted: Dict[str, Any] = wrapper(wrapped, None, (), arguments)
        return converted

    return converter
