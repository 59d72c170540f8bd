from typing import Any

import numpy as np
import pytest

from serving.policy.comparison import STATUS, Output, compare
from serving.wire.comparison import Difference, OutputPair


def pair(one: Any, other: Any, one_type: str = "", other_type: str = "") -> OutputPair:
    (found,) = compare(200, {"p": Output(one, one_type)}, 200, {"p": Output(other, other_type)})
    return found


@pytest.mark.parametrize(
    ("one", "other", "max_abs", "mean_abs", "scaled"),
    [
        ([1.0, 2.0], [1.0, 2.0], 0, 0, 0),
        ([1, 2], [1.0, 2.5], 0.5, 0.25, 0.25),
        ([[0.25], [0.75]], [[0.5], [0.75]], 0.25, 0.125, 0.25),
        (100.0, 101.0, 1, 1, 0.01),
        ([], [], 0, 0, 0),
        ([float("nan"), float("inf")], [float("nan"), float("inf")], 0, 0, 0),
        (np.array([1, 2], np.int64), np.array([1, 4], np.int64), 2, 1, 1),
    ],
)
def test_numbers_give_deltas(one: Any, other: Any, max_abs: float, mean_abs: float, scaled: float) -> None:
    found = pair(one, other)
    assert found.difference is Difference.NONE
    assert (found.max_abs, found.mean_abs, found.scaled) == (max_abs, mean_abs, scaled)


@pytest.mark.parametrize(
    ("one", "other", "difference"),
    [
        (["benign"], ["benign"], Difference.NONE),
        (["benign"], ["malignant"], Difference.VALUE),
        (np.array(["a"], object), np.array(["a"], object), Difference.NONE),
        (True, False, Difference.VALUE),
        (True, 1, Difference.DTYPE),
        ("1", 1, Difference.DTYPE),
        ([1, 2], [1, 2, 3], Difference.SHAPE),
        ([[1], [2]], [1, 2], Difference.SHAPE),
        ([1.0, float("nan")], [1.0, 2.0], Difference.VALUE),
        ([1.0, float("inf")], [1.0, 2.0], Difference.VALUE),
        ([1, "1"], [1, "1"], Difference.NONE),
        ([1, "1"], ["1", "1"], Difference.VALUE),
        ([[1], [2, 3]], [[1], [2, 3]], Difference.NONE),
        ([[1], [2, 3]], [[1], [2, 4]], Difference.VALUE),
        ({"a": {"b": 1}}, {"a": {"b": 1}}, Difference.NONE),
        ({"a": 1}, [1], Difference.VALUE),
        (None, None, Difference.NONE),
        (None, 0.5, Difference.VALUE),
    ],
)
def test_what_is_no_number_is_equal_or_not(one: Any, other: Any, difference: Difference) -> None:
    assert pair(one, other).difference is difference


def test_declared_types_must_be_the_same() -> None:
    assert pair([1.0], [1.0], "FP32", "FP64").difference is Difference.DTYPE


def test_outputs_are_told_apart_by_name() -> None:
    one, other = {"a": Output(1), "b": Output(2)}, {"b": Output(2), "c": Output(3)}
    found = {pair.name: pair.difference for pair in compare(200, one, 200, other)}
    assert found == {"a": Difference.MISSING, "b": Difference.NONE, "c": Difference.MISSING}


def test_of_failures_the_statuses_are_compared() -> None:
    assert compare(200, {"p": Output(1)}, 500, {}) == [OutputPair(name=STATUS, difference=Difference.STATUS)]
    assert compare(500, {}, 500, {}) == [OutputPair(name=STATUS)]
