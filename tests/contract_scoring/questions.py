"""What is asked of every image through every door, and the numbers that must come back."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.serving.scoring.models import WEIGHTS

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Question:
    """Named inputs, and the outputs that answer them, both in the model's order."""

    name: str
    inputs: dict[str, Array]
    outputs: dict[str, Array]

    @property
    def rows(self) -> int:
        return len(next(iter(self.inputs.values())))


def _linear(name: str, rows: list[list[float]]) -> Question:
    """What is asked here is exact in 32 bits, so every door must give the very same numbers."""
    x = np.array(rows, dtype=np.float32).reshape(-1, 3)
    return Question(name, {"x": x}, {"y": x @ WEIGHTS + np.float32(0.5)})


LINEAR = [
    _linear("one_row", [[1, 2, 3]]),
    _linear("two_rows", [[1, 2, 3], [0.25, -8, 0.5]]),
    _linear("thousand_rows", [[n, n / 4, -n / 2] for n in range(1000)]),
    _linear("no_rows", []),
]


def _columns(name: str, **inputs: Array) -> Question:
    return Question(name, inputs, {f"{column}_out": values for column, values in inputs.items()})


def _texts(*texts: str) -> Array:
    return np.array(texts, dtype=object)


# Columns of each type come back as they were.
COLUMNS = [
    _columns(
        "one_row",
        f=np.array([0.1], dtype=np.float32),
        d=np.array([0.1], dtype=np.float64),
        i=np.array([2**53 + 1], dtype=np.int64),
        b=np.array([True]),
        s=_texts("ü"),
    ),
    _columns(
        "many_rows",
        f=np.array([1.5, -0.0, 3.4e38, 1e-45], dtype=np.float32),
        d=np.array([1 / 3, 5e-324, -1.7e308, 0], dtype=np.float64),
        i=np.array([-(2**63), 2**63 - 1, 0, -1], dtype=np.int64),
        b=np.array([True, False, False, True]),
        s=_texts("", '"quoted", and more', "line\nbreak", "日本"),
    ),
    _columns(
        "no_rows",
        f=np.empty(0, dtype=np.float32),
        d=np.empty(0, dtype=np.float64),
        i=np.empty(0, dtype=np.int64),
        b=np.empty(0, dtype=np.bool_),
        s=_texts(),
    ),
]
