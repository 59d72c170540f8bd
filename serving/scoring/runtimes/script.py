"""The user's scoring script under Azure ML's contract: ``init()`` once, ``run(data)`` for each request.

Import, ``init()`` and ``run()`` happen on one and the same thread, since such scripts expect no other. The module has
a private name, so that it clashes with nothing; the code folder is on ``sys.path`` for its own imports.
"""

from __future__ import annotations

import importlib.util
import inspect
import json
import logging
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, Callable, Dict, Iterator, Mapping, Optional, TypeVar, Union

import numpy as np

from ..errors import InvalidInput, ScriptFailed, ScriptLoadFailed, ScriptResultInvalid
from ..tensors import Signature, Tensors, first
from .base import Call, only
from .users_python import as_tensor, error_line, users_traceback

MODULE = "slipway_entry_script"
OUTPUT = "output_0"
OWN_HEADERS = b"x-slipway-"  # between the edge and this process, its secret among them

T = TypeVar("T")

_log = logging.getLogger("slipway.scoring.script")


class ScriptRuntime:
    """A loaded script whose ``init()`` has returned."""

    platform = "python_script"
    threads = 1
    inline = False
    signature: Optional[Signature] = None

    def __init__(self, module: ModuleType, code_dir: Path) -> None:
        self._run: Callable[..., Any] = module.run
        self._code_dir = code_dir
        self.decoupled = inspect.isgeneratorfunction(inspect.unwrap(self._run))
        self._wants_headers = "request_headers" in inspect.signature(self._run).parameters

    def run(self, data: str, call: Call) -> Union[bytes, Iterator[bytes]]:
        """Give ``data`` to ``run()``; its result is encoded here, on the script's thread and in the request's time.

        Of what it yields, text and bytes are pieces as they are, anything else is a line of JSON.

        Raises:
            ScriptFailed: run() raised.
            ScriptResultInvalid: JSON cannot hold what it returned.
        """
        result = self._called(data, call)
        if isinstance(result, Iterator):
            return self._each(_piece_of, result, call)
        return self._of_result(_json_of, result, call)

    def results(self, data: str, call: Call) -> Iterator[bytes]:
        """Give ``data`` to ``run()``; each result that it yields, or its only one, is encoded as JSON."""
        return self._answers_of(_json_of, data, call)

    def stream(self, tensors: Tensors, call: Call) -> Iterator[Tensors]:
        """Give the only tensor to ``run()`` as ``infer`` does; each result that it yields is an ``output_0``."""
        return self._answers_of(_outputs_of, _data_of(tensors), call)

    def _answers_of(self, convert: Callable[[Any], T], data: str, call: Call) -> Iterator[T]:
        result = self._called(data, call)
        if isinstance(result, Iterator):
            yield from self._each(convert, result, call)
        else:
            yield self._of_result(convert, result, call)

    def _called(self, data: str, call: Call) -> Any:
        arguments: Dict[str, Any] = {"request_headers": _titled(call.headers)} if self._wants_headers else {}
        try:
            return self._run(data, **arguments)
        except BaseException as error:  # also SystemExit: a script cannot end the server
            raise self._raised(error, call) from error

    def _raised(self, error: BaseException, call: Call) -> ScriptFailed:
        reason, trace = error_line(error, self._code_dir), users_traceback(error, __file__)
        _log.error("request %s failed: run() raised %s\n%s", call.request_id, reason, trace)
        return ScriptFailed(f"the scoring script raised {reason}")

    def _each(self, convert: Callable[[Any], T], results: Iterator[Any], call: Call) -> Iterator[T]:
        """Convert what run() yields; its ``finally`` runs when this is closed."""
        try:
            while True:
                try:
                    result = next(results)
                except StopIteration:
                    return
                except BaseException as error:
                    raise self._raised(error, call) from error
                yield self._of_result(convert, result, call)
        finally:
            self._close(results, call)

    def _close(self, results: Iterator[Any], call: Call) -> None:
        close = getattr(results, "close", None)
        if close is None:
            return
        try:
            close()
        except BaseException as error:
            reason, trace = error_line(error, self._code_dir), users_traceback(error, __file__)
            _log.error("request %s: the end of what run() yields raised %s\n%s", call.request_id, reason, trace)

    def infer(self, tensors: Tensors, call: Call) -> Tensors:
        """Give the only tensor to ``run()`` as the JSON text ``{"data": …}``; its result is ``output_0``."""
        return only(self.stream(tensors, call))

    def _of_result(self, convert: Callable[[Any], T], result: Any, call: Call) -> T:
        """Convert what run() returned; the code of its objects may be the script's and raise anything."""
        try:
            return convert(result)
        except BaseException as error:
            reason, trace = error_line(error, self._code_dir), users_traceback(error, __file__)
            _log.error("request %s failed: what run() returned cannot be sent: %s\n%s", call.request_id, reason, trace)
            raise ScriptResultInvalid(f"what the scoring script returned cannot be sent: {reason}") from error


def load_script(path: Path, code_dir: Path) -> ScriptRuntime:
    """Import the script and call its ``init()``.

    Raises:
        ScriptLoadFailed: with what failed and the script's own error and line; the full traceback is in the log.
    """
    if not path.is_file():
        raise ScriptLoadFailed(f"there is no scoring script {path.name} in the image's code folder")
    for folder in (path.parent, code_dir):
        if str(folder) not in sys.path:
            sys.path.insert(0, str(folder))
    failed = f"{path.name} could not be loaded"
    try:
        spec = importlib.util.spec_from_file_location(MODULE, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[MODULE] = module
        spec.loader.exec_module(module)
        for function in ("init", "run"):
            if not callable(getattr(module, function, None)):
                raise ScriptLoadFailed(f"{path.name} has no function {function}()")
        failed = f"init() of {path.name} failed"
        module.init()
    except ScriptLoadFailed:
        raise
    except BaseException as error:
        _log.error("%s\n%s", failed, users_traceback(error, __file__))
        raise ScriptLoadFailed(f"{failed}: {error_line(error, code_dir)}") from error
    return ScriptRuntime(module, code_dir)


def _titled(headers: Mapping[bytes, bytes]) -> Dict[str, str]:
    """Spell header names as Azure ML's server gives them to scripts: ``X-Request-Id``. Ours stay with us."""
    return {
        name.decode("latin-1").title(): value.decode("latin-1")
        for name, value in headers.items()
        if not name.startswith(OWN_HEADERS)
    }


def _json_of(result: Any) -> bytes:
    """Encode as Azure ML's server does."""
    return json.dumps(result).encode()


def _piece_of(result: Any) -> bytes:
    if isinstance(result, (bytes, bytearray)):
        return bytes(result)
    return result.encode() if isinstance(result, str) else _json_of(result) + b"\n"


def _data_of(tensors: Tensors) -> str:
    name, array = first(tensors) if len(tensors) == 1 else ("", np.empty(0))
    if array.ndim != 2:
        got = f"input '{name}' of shape {list(array.shape)}" if name else f"{len(tensors)} inputs"
        raise InvalidInput(
            f"this scoring script declares no signature, so it takes one tensor of two dimensions, got {got}:"
            " send that, or declare the inputs with inference-schema, or use POST /score"
        )
    return json.dumps({"data": array.tolist()})


def _outputs_of(result: Any) -> Tensors:
    return {OUTPUT: as_tensor(result)}
