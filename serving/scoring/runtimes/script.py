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
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any, Callable, Dict, Mapping, Optional, TypeVar

import numpy as np

from ..errors import InvalidInput, ScriptFailed, ScriptLoadFailed, ScriptResultInvalid
from ..tensors import DTYPES, Array, Signature, Tensors, first
from .base import Call

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
        self._wants_headers = "request_headers" in inspect.signature(self._run).parameters

    def run(self, data: str, call: Call) -> bytes:
        """Give ``data`` to ``run()``; its result is encoded here, on the script's thread and in the request's time.

        Raises:
            ScriptFailed: run() raised.
            ScriptResultInvalid: JSON cannot hold what it returned.
        """
        return self._of_result(_json_of, self._called(data, call), call)

    def _called(self, data: str, call: Call) -> Any:
        arguments: Dict[str, Any] = {"request_headers": _titled(call.headers)} if self._wants_headers else {}
        try:
            return self._run(data, **arguments)
        except BaseException as error:  # also SystemExit: a script cannot end the server
            _log.error("run() raised for request %s\n%s", call.request_id, _script_traceback(error))
            raise ScriptFailed(f"the scoring script raised {error_line(error, self._code_dir)}") from error

    def infer(self, tensors: Tensors, call: Call) -> Tensors:
        """Give the only tensor to ``run()`` as the JSON text ``{"data": …}``; its result is ``output_0``."""
        name, array = first(tensors) if len(tensors) == 1 else ("", np.empty(0))
        if array.ndim != 2:
            got = f"input '{name}' of shape {list(array.shape)}" if name else f"{len(tensors)} inputs"
            raise InvalidInput(
                f"this scoring script declares no signature, so it takes one tensor of two dimensions, got {got}:"
                " send that, or declare the inputs with inference-schema, or use POST /score"
            )
        result = self._called(json.dumps({"data": array.tolist()}), call)
        return {OUTPUT: self._of_result(_as_tensor, result, call)}

    def _of_result(self, convert: Callable[[Any], T], result: Any, call: Call) -> T:
        """Convert what run() returned; the code of its objects may be the script's and raise anything."""
        try:
            return convert(result)
        except BaseException as error:
            _log.error("what run() returned cannot be sent: request %s\n%s", call.request_id, _script_traceback(error))
            reason = error_line(error, self._code_dir)
            raise ScriptResultInvalid(f"what the scoring script returned cannot be sent: {reason}") from error


def load_script(path: Path, code_dir: Path) -> ScriptRuntime:
    """Import the script and call its ``init()``.

    Raises:
        ScriptLoadFailed: with the script's own error and line; the full traceback is in the log.
    """
    if not path.is_file():
        raise ScriptLoadFailed(f"there is no scoring script {path.name} in the image's code folder")
    for folder in (path.parent, code_dir):
        if str(folder) not in sys.path:
            sys.path.insert(0, str(folder))
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
        module.init()
    except ScriptLoadFailed:
        raise
    except BaseException as error:
        _log.error("%s could not be loaded\n%s", path.name, _script_traceback(error))
        raise ScriptLoadFailed(error_line(error, code_dir)) from error
    return ScriptRuntime(module, code_dir)


def error_line(error: BaseException, code_dir: Path) -> str:
    """Word an error in one line with the innermost place in the user's code: ``ValueError: no (score.py:12)``."""
    text = "".join(traceback.format_exception_only(type(error), error)[-1:]).strip().splitlines()[0]
    if isinstance(error, SyntaxError):
        return f"{text} ({Path(error.filename or '?').name}:{error.lineno})"
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(code_dir)] or frames
    return f"{text} ({Path(own[-1].filename).name}:{own[-1].lineno})" if own else text


def _script_traceback(error: BaseException) -> str:
    """Format a traceback without our own frames at its top."""
    here = error.__traceback__
    while here is not None and here.tb_next is not None and here.tb_frame.f_code.co_filename in (__file__, "<frozen>"):
        here = here.tb_next
    return "".join(traceback.format_exception(type(error), error, here)).rstrip()


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


def _as_tensor(result: Any) -> Array:
    """Numbers, strings and truth values in rectangular lists as they are; anything else as one JSON text."""
    try:
        array = result if isinstance(result, np.ndarray) else np.array(result if isinstance(result, list) else [result])
    except ValueError:
        array = np.empty(0, dtype=object)
    if array.dtype in DTYPES.values() and array.dtype != object:
        return array
    if array.dtype.kind == "S":
        return array.astype(object)
    if array.dtype.kind == "U":
        for text in array.ravel():
            str(text).encode()  # no protocol can carry a lone surrogate
        return array.astype(object)
    return np.array([json.dumps(result)], dtype=object)
