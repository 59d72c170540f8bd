"""Two answers to one request, output by output. Pure: numbers give deltas, and the reader's tolerance judges them."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from serving.wire.comparison import Difference, OutputPair

STATUS = "(status)"  # the name under which answers differ that are no predictions both


class Output(NamedTuple):
    """``values`` are numbers, texts, nested lists of them, or an array; ``datatype`` where the protocol names one."""

    values: Any
    datatype: str = ""


Outputs = Mapping[str, Output]


def compare(primary_status: int, primary: Outputs, target_status: int, target: Outputs) -> list[OutputPair]:
    """Compare what was answered with; of two failures only whether they are the same."""
    if primary_status != target_status:
        return [OutputPair(name=STATUS, difference=Difference.STATUS)]
    if not primary and not target:
        return [OutputPair(name=STATUS)]
    return [_pair(name, primary.get(name), target.get(name)) for name in dict.fromkeys([*primary, *target])]


def _pair(name: str, one: Output | None, other: Output | None) -> OutputPair:
    if one is None or other is None:
        return OutputPair(name=name, difference=Difference.MISSING)
    if one.datatype != other.datatype:
        return OutputPair(name=name, difference=Difference.DTYPE)
    first, second = _array(one.values), _array(other.values)
    if first is not None and second is not None:
        return _arrays(name, first, second)
    same = first is second and bool(one.values == other.values)  # objects, or lists of different lengths
    return OutputPair(name=name, difference=Difference.NONE if same else Difference.VALUE, elements=1)


def _arrays(name: str, first: Any, second: Any) -> OutputPair:
    if first.shape != second.shape:
        return OutputPair(name=name, difference=Difference.SHAPE)
    if _is_number(first) and _is_number(second):
        return _numbers(name, first, second)
    if first.dtype.kind != second.dtype.kind:
        return OutputPair(name=name, difference=Difference.DTYPE)
    same = bool(np.array_equal(first, second))
    return OutputPair(name=name, difference=Difference.NONE if same else Difference.VALUE, elements=first.size)


def _numbers(name: str, first: Any, second: Any) -> OutputPair:
    if not first.size:
        return OutputPair(name=name)
    one, other = first.astype(np.float64).ravel(), second.astype(np.float64).ravel()
    with np.errstate(invalid="ignore", over="ignore"):  # infinities
        deltas = np.abs(one - other)
        deltas[one == other] = 0.0
    unlike = ~np.isfinite(deltas)
    unlike &= ~(np.isnan(one) & np.isnan(other))
    if unlike.any():
        return OutputPair(name=name, difference=Difference.VALUE, elements=first.size)
    deltas = np.nan_to_num(deltas)  # what is NaN in both
    scaled = deltas / np.maximum(1.0, np.nan_to_num(np.abs(one)))
    return OutputPair(
        name=name,
        elements=first.size,
        max_abs=float(deltas.max()),
        mean_abs=float(deltas.mean()),
        scaled=float(scaled.max()),
    )


def _array(values: Any) -> Any:
    """Return the values as an array of numbers, truths or texts; None where they are no such thing."""
    if isinstance(values, np.ndarray):
        array = values
        if array.dtype == object:
            array = array.astype(str)
        return array
    try:
        array = np.asarray(values)
    except (ValueError, OverflowError):
        return None
    return array if array.dtype.kind in "biufU" and not _is_mixed(values, array) else None


def _is_mixed(values: Any, array: Any) -> bool:
    """Say whether numpy made texts of numbers that stood beside texts."""
    return array.dtype.kind == "U" and not all(isinstance(value, str) for value in _leaves(values))


def _leaves(values: Any) -> Any:
    if isinstance(values, list):
        for value in values:
            yield from _leaves(value)
    else:
        yield values


def _is_number(array: Any) -> bool:
    return array.dtype.kind in "iuf"
