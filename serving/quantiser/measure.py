"""What quantising changed: answers on rows that it was not calibrated with, and the time that one row takes.

``drop`` lies between 0 (nothing changed, or it got better) and 1, and is what the bound is held against:

- ``accuracy``: labels are given and the model answers with a class. The share of right answers before, less after.
- ``agreement``: no labels, the model answers with a class. The share of rows whose class changed.
- ``error``: the model answers with numbers. The mean absolute difference (to the labels: what it grew by), as a share
  of the answers' range.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .rows import Array, Refused, Rows

Run = Callable[[dict[str, Array]], list[Array]]

ROUNDS, ROUND_S = 200, 2.0  # of timing


@dataclass(frozen=True)
class Comparison:
    """``before`` and ``after`` are what people read beside each other: right answers, or 1 and the agreement."""

    measure: str
    before: float
    after: float
    drop: float
    max_error: float
    mean_error: float


def answers(run: Run, rows: Rows, size: int) -> list[Array]:
    """Run a model over all rows and return its outputs, each whole."""
    parts = [run(batch) for batch in rows.batches(size)]
    return [np.concatenate(column) for column in zip(*parts, strict=True)]


def compare(before: list[Array], after: list[Array], labels: Array | None) -> Comparison:
    """Hold the quantised model's answers against the original's.

    Raises:
        Refused: the model answers with neither classes nor numbers, or the labels are of another kind than they.
    """
    differences = [np.abs(a.astype(np.float64) - b) for b, a in zip(before, after, strict=True) if b.dtype.kind == "f"]
    largest = max((float(difference.max()) for difference in differences), default=0.0)
    mean = float(np.mean([difference.mean() for difference in differences])) if differences else 0.0
    classes = _classes(before), _classes(after)
    if classes[0] is None or classes[1] is None:
        return _of_numbers(before, after, labels, largest, mean)
    if labels is None:
        agreement = float((classes[0] == classes[1]).mean())
        return Comparison("agreement", 1.0, agreement, 1.0 - agreement, largest, mean)
    right = [float(_equal(one, labels).mean()) for one in classes if one is not None]
    return Comparison("accuracy", right[0], right[1], max(0.0, right[0] - right[1]), largest, mean)


def _classes(outputs: list[Array]) -> Array | None:
    """Return one class for each row: an output of whole numbers or names, else the place of the largest score."""
    for output in outputs:
        if output.dtype.kind in "iuOU" and output.size == len(output):
            return output.reshape(len(output))
    for output in outputs:
        if output.dtype.kind == "f" and output.ndim == 2 and output.shape[1] > 1:
            best: Array = output.argmax(axis=1)
            return best
    return None


def _equal(classes: Array, labels: Array) -> Array:
    if (classes.dtype.kind in "OU") != (labels.dtype.kind == "O"):
        raise Refused("the labels are of another kind than the model's classes: names against numbers")
    return np.asarray(classes == labels)


def _of_numbers(
    before: list[Array], after: list[Array], labels: Array | None, largest: float, mean: float
) -> Comparison:
    numbers = [(b, a) for b, a in zip(before, after, strict=True) if b.dtype.kind == "f"]
    if not numbers:
        raise Refused("the model answers with neither classes nor numbers: there is nothing to compare")
    first, second = (one.astype(np.float64).reshape(len(one), -1) for one in numbers[0])
    truth = first if labels is None else labels.astype(np.float64).reshape(len(labels), -1)
    if truth.shape != first.shape:
        raise Refused(f"there is one label for each row, and the model answers with {first.shape[1]} numbers")
    spread = float(truth.max() - truth.min()) or 1.0
    errors = [float(np.abs(one - truth).mean()) / spread for one in (first, second)]
    return Comparison("error", errors[0], errors[1], max(0.0, errors[1] - errors[0]), largest, mean)


def row_ms(runs: list[Run], row: dict[str, Array], clock: Callable[[], float] = time.perf_counter) -> list[float]:
    """Return the median time of one row for each model, in ms; they take turns, so that both meet the same machine."""
    taken: list[list[float]] = [[] for _ in runs]
    for run in runs:
        run(row)
    end = clock() + ROUND_S
    for _ in range(ROUNDS):
        for run, times in zip(runs, taken, strict=True):
            began = clock()
            run(row)
            times.append(clock() - began)
        if clock() > end:
            break
    return [float(np.median(times)) * 1000 for times in taken]


def as_arrays(values: list[Any]) -> list[Array]:
    """Return a session's outputs as arrays: a classifier's list of {label: probability} as its columns."""
    return [
        np.array([list(row.values()) for row in value], dtype=np.float64) if isinstance(value, list) else value
        for value in values
    ]
