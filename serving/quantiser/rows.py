"""Calibration files to arrays: what the model is fed with, by input name, and the labels if a column has them."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

MAX_ROWS = 20_000  # of more, the first
HELD_OUT = 5  # every fifth row is compared and not calibrated with


class Refused(Exception):
    """What was given cannot be used; the message is for the person who gave it."""


def _no_label(label: str, what: str) -> Refused:
    return Refused(f"$.acceleration.calibration.label: {label!r} {what}")


@dataclass(frozen=True)
class InputSpec:
    """An input of the model. ``shape`` has None where any size will do; its first dimension counts rows."""

    name: str
    dtype: str
    shape: tuple[int | None, ...]


@dataclass(frozen=True)
class Rows:
    inputs: dict[str, Array]
    labels: Array | None

    @property
    def count(self) -> int:
        return len(next(iter(self.inputs.values())))

    def parts(self) -> tuple[Rows, Rows]:
        """Return the rows to calibrate with and those to compare with. One row alone is both."""
        held = np.arange(self.count) % HELD_OUT == HELD_OUT - 1
        if not held.any():
            return self, self
        return self._where(~held), self._where(held)

    def batches(self, size: int) -> Iterator[dict[str, Array]]:
        for start in range(0, self.count, size):
            yield {name: array[start : start + size] for name, array in self.inputs.items()}

    def _where(self, chosen: Array) -> Rows:
        inputs = {name: array[chosen] for name, array in self.inputs.items()}
        return Rows(inputs, None if self.labels is None else self.labels[chosen])


def read_rows(path: Path, kind: str, label: str | None, specs: list[InputSpec]) -> Rows:
    """Read a file of ``kind`` npy, csv or json and fit it to the model's inputs.

    Raises:
        Refused: it cannot be read, or does not fit.
    """
    try:
        columns, labels = _READERS[kind](path, label)
    except (OSError, ValueError, EOFError, MemoryError, RecursionError) as error:
        raise Refused(f"the calibration rows are no {kind} file: {error}") from error
    if not isinstance(columns, dict):
        if len(specs) != 1:
            names = ", ".join(spec.name for spec in specs)
            raise Refused(
                f'the model has {len(specs)} inputs ({names}): give {{"data": {{"input name": rows}}}} as json'
            )
        columns = {specs[0].name: columns}
    inputs = {spec.name: _fitted(spec, columns) for spec in specs}
    counts = {len(array) for array in inputs.values()} | ({len(labels)} if labels is not None else set())
    if len(counts) != 1 or not counts.isdisjoint({0}):
        raise Refused(f"the calibration data has {sorted(counts)} rows: one number for all inputs and labels, not 0")
    kept = {name: array[:MAX_ROWS] for name, array in inputs.items()}
    return Rows(kept, None if labels is None else labels[:MAX_ROWS])


def _fitted(spec: InputSpec, columns: dict[str, Any]) -> Array:
    if spec.name not in columns:
        raise Refused(f"the calibration data has nothing for input {spec.name!r} (it has {', '.join(columns)})")
    try:
        array = np.asarray(columns[spec.name]).astype(spec.dtype)
    except ValueError as error:
        raise Refused(f"the calibration data for input {spec.name!r} are no {spec.dtype} numbers: {error}") from error
    wanted = spec.shape[1:]
    if array.ndim != len(spec.shape) or any(
        size not in (None, there) for size, there in zip(wanted, array.shape[1:], strict=True)
    ):
        shown = [size if size is not None else "any" for size in spec.shape]
        raise Refused(
            f"the calibration data for {spec.name!r} has shape {list(array.shape)}, and the model takes {shown}"
        )
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise Refused(f"the calibration data for input {spec.name!r} holds NaN or infinity")
    return array


def _of_npy(path: Path, label: str | None) -> tuple[Any, Array | None]:
    array = np.load(path, allow_pickle=False)
    if label is None:
        return array, None
    if array.ndim != 2 or not label.lstrip("-").isdecimal() or not -array.shape[1] <= int(label) < array.shape[1]:
        there = f"it has {array.shape[1]}" if array.ndim == 2 else f"its shape is {list(array.shape)}"
        raise _no_label(label, f"is no column of the rows ({there}): give its number, from 0, or from the end as -1")
    return np.delete(array, int(label), axis=1), array[:, int(label)]


def _of_csv(path: Path, label: str | None) -> tuple[Any, Array | None]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        lines = [line for line in csv.reader(file) if line]
    if not lines:
        raise ValueError("it is empty")
    header = lines.pop(0) if not all(_is_number(cell) for cell in lines[0]) else None
    for number, line in enumerate(lines, start=1 if header is None else 2):
        if len(line) != len(header or lines[0]):
            raise ValueError(f"line {number} has {len(line)} columns, and the first has {len(header or lines[0])}")
    if label is None:
        return np.array(lines, dtype=np.float64), None
    if header is None:
        raise _no_label(label, "is no column of the rows: their first line holds numbers and no names of columns")
    if label not in header:
        raise _no_label(label, f"is no column of the rows (there are: {', '.join(header)})")
    at = header.index(label)
    return np.array([line[:at] + line[at + 1 :] for line in lines], dtype=np.float64), _labels(
        [line[at] for line in lines]
    )


def _of_json(path: Path, label: str | None) -> tuple[Any, Array | None]:
    document = json.loads(path.read_bytes())
    if isinstance(document, list):
        document = {"data": document}
    if not isinstance(document, dict) or "data" not in document:
        raise ValueError('it has no "data": write {"data": [[…], …]}')
    data = document["data"]
    columns = {name: np.array(rows) for name, rows in data.items()} if isinstance(data, dict) else np.array(data)
    if label is None:
        return columns, None
    if not isinstance(document.get(label), list):
        lists = ", ".join(key for key, value in document.items() if key != "data" and isinstance(value, list))
        raise _no_label(label, f'is no list beside "data" (there are: {lists or "none"})')
    return columns, _labels(document[label])


def _labels(values: list[Any]) -> Array:
    if all(isinstance(value, (int, float)) or _is_number(value) for value in values):
        return np.array(values, dtype=np.float64)
    return np.array(values, dtype=object)


def _is_number(text: Any) -> bool:
    try:
        float(text)
    except (TypeError, ValueError):
        return False
    return True


_READERS = {"npy": _of_npy, "csv": _of_csv, "json": _of_json}
