"""What the runtimes of users' own Python share: wording what it raised, and making a tensor of what it returned."""

from __future__ import annotations

import json
import traceback
from pathlib import Path
from typing import Any

import numpy as np

from ..tensors import DTYPES, Array


def error_line(error: BaseException, code_dir: Path) -> str:
    """Word an error in one line with the innermost place in the user's code: ``ValueError: no (score.py:12)``."""
    text = "".join(traceback.format_exception_only(type(error), error)[-1:]).strip().splitlines()[0]
    if isinstance(error, SyntaxError):
        return f"{text} ({Path(error.filename or '?').name}:{error.lineno})"
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(code_dir)] or frames
    return f"{text} ({Path(own[-1].filename).name}:{own[-1].lineno})" if own else text


def users_traceback(error: BaseException, runtime: str) -> str:
    """Format a traceback without the frames of the file ``runtime`` at its top."""
    here = error.__traceback__
    while here is not None and here.tb_next is not None and here.tb_frame.f_code.co_filename in (runtime, "<frozen>"):
        here = here.tb_next
    return "".join(traceback.format_exception(type(error), error, here)).rstrip()


def as_tensor(result: Any) -> Array:
    """Numbers, strings and truth values in rectangular lists as they are; anything else as one JSON text.

    An array is copied: its owner may write the next answer into it before this one is sent.
    """
    try:
        array: Array = np.array(result if isinstance(result, (list, np.ndarray)) else [result])
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
