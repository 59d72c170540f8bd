"""Which outputs a request asks for, in which order, and as how many classes; the same for JSON and messages."""

from __future__ import annotations

from typing import Any, Dict, List, Tuple

import numpy as np

from ..errors import InvalidInput
from ..tensors import Array, Tensors, datatype_of

CLASSIFICATION = "classification"


def check_requested(name: str, wanted: Dict[str, Any], outputs: Tensors) -> None:
    """Raise InvalidInput for an output that the model has not given, or that is ``wanted`` already."""
    if name not in outputs:
        known = ", ".join(f"'{known}'" for known in outputs)
        raise InvalidInput(f"unknown output '{name}': the model has {known}")
    if name in wanted:
        raise InvalidInput(f"output '{name}' is requested twice")


def top_classes(name: str, array: Array, count: Any, batched: bool) -> Array:
    """Replace an output by its ``count`` largest elements, of each item of a batch, as texts ``value:index``.

    As Triton does: an item is flattened; an output with fewer elements gives them all; 0 leaves it as it is. Equal
    elements come in the order of their indices. There are no labels.

    Raises:
        InvalidInput: ``count`` is no such number, or the output holds no numbers.
    """
    if isinstance(count, bool) or not isinstance(count, int) or count < 0:
        raise InvalidInput(f"output '{name}': classification must be a whole number, got {count!r}")
    if count == 0:
        return array
    if array.dtype.kind not in "iuf":
        raise InvalidInput(f"output '{name}': {datatype_of(array)} has no classes; those of numbers have")
    by_item = batched and array.ndim > 0
    items = array.shape[0] if by_item else 1
    size = array.size // items if items else int(np.prod(array.shape[1:]))
    shown = min(count, size)
    rows = array.reshape(items, size)
    ascending = np.argsort(rows[:, ::-1], axis=1, kind="stable")
    indices = size - 1 - ascending[:, ::-1][:, :shown]
    values = np.take_along_axis(rows, indices, axis=1)
    form = "%f:%d" if array.dtype.kind == "f" else "%d:%d"
    texts: List[str] = [form % pair for pair in zip(values.ravel().tolist(), indices.ravel().tolist())]
    classes = np.empty(len(texts), dtype=object)
    classes[:] = texts
    shape: Tuple[int, ...] = (items, shown) if by_item else (shown,)
    return classes.reshape(shape)
