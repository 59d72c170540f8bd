"""Outputs as plain JSON, the way ``/score`` and ``/invocations`` give them."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import numpy as np

from ..tensors import Array, Tensors

_encode = msgspec.json.Encoder().encode


def rows_of(outputs: Tensors) -> Any:
    """Return the only output's rows, or a dict of rows by output name."""
    if len(outputs) == 1:
        for array in outputs.values():
            return plain(array)
    return {name: plain(array) for name, array in outputs.items()}


def plain(array: Array) -> Any:
    """Nested lists of the array's elements; bytes are read as UTF-8."""
    if array.dtype.kind == "O":  # sooner told than by comparing types
        texts = [item.decode("utf-8", "replace") if isinstance(item, bytes) else item for item in array.ravel()]
        return np.array(texts, dtype=object).reshape(array.shape).tolist()
    return array.tolist()


def dump_json(values: Any) -> bytes:
    """Encode, with the bare tokens NaN and Infinity where msgspec would write null, which is no number."""
    text: bytes = _encode(values)
    if b"null" in text:
        return json.dumps(msgspec.to_builtins(values), ensure_ascii=False).encode()
    return text
