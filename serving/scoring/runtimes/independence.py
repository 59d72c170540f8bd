"""Whether rows of different requests may run together, tried out on made-up rows when the model is loaded.

A first dimension of any size may count a batch's rows, a sequence's steps, or what the model normalises over, which no
signature tells. The trial is part of the model's warm-up. It knows nothing of what runs the model.
"""

from __future__ import annotations

import itertools
import mmap
import time
from pathlib import Path
from typing import Callable, Iterator, List, Sequence, Set, Tuple

import numpy as np

from ..tensors import Array, Tensors, TensorSpec

Run = Callable[[Tensors], Tensors]

_ROWS = (2, 3, 5)  # of each round
_MANY_ROWS = 64  # of one more where no output is a float: few labels change, whatever the other rows are
_ENOUGH_S, _MOST_S = 0.1, 2.0  # no further round is begun after the one; after the other, the trial is given up
_FREE_SIZES = (3, 1, 8, 64, 224)  # for dimensions of any size but the first: some models take large ones only
_RANGES = (100, 8, 2)  # whole numbers below: they may be indices into little
_SCALES = (1.0, 100.0, 10.0)  # of one row and the next: what is shared between rows then shows
_MOST_VALUES = 1_000_000  # in a row of made-up input
_TEXTS = ("1", "2.5", "0", "17")  # which a model may read as numbers
_OF_ALL_ROWS = b"DynamicQuantize"  # begins the names of the operators that scale by the largest of all rows


def doubt_in_file(model: Path) -> str:
    """Return what a model's file holds that mixes its rows, which labels may not show, or "" if nothing is known to."""
    with model.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        found = content.find(_OF_ALL_ROWS) >= 0
    return "it is quantised dynamically, by the largest value of all rows that run together" if found else ""


def doubt_about_rows(inputs: Sequence[TensorSpec], run: Run, clock: Callable[[], float] = time.monotonic) -> str:
    """Run made-up rows apart and together; return what stands against running them together, or "" if nothing does.

    ``run`` may raise anything. It is called for two seconds at most, and for as long as one of its calls takes.
    """
    doubt = "its rows are too large to be tried out"
    until = clock() + _MOST_S
    for free, below in _ways(inputs):
        try:
            return _Trial(inputs, run, clock, until).doubt(free, below)
        except Exception as error:
            doubt = f"it refuses made-up input: {(str(error) or type(error).__name__).splitlines()[0]}"
        if clock() > until:
            break
    return doubt


def _ways(inputs: Sequence[TensorSpec]) -> Iterator[Tuple[int, int]]:
    """Yield what free dimensions are set to, and what whole numbers stay below, the most telling first."""
    most_free = max(spec.shape.count(-1) for spec in inputs) > 1
    whole = any(spec.dtype.kind in "iu" for spec in inputs)
    ways = itertools.product(_FREE_SIZES if most_free else _FREE_SIZES[:1], _RANGES if whole else _RANGES[:1])
    for free, below in ways:
        if max(_values(spec, free) for spec in inputs) <= _MOST_VALUES:
            yield free, below


class _Trial:
    """The rounds with one kind of input."""

    def __init__(self, inputs: Sequence[TensorSpec], run: Run, clock: Callable[[], float], until: float) -> None:
        self._inputs = inputs
        self._run = run
        self._clock = clock
        self._until = until
        self._floats = False  # whether there are any among the outputs

    def doubt(self, free: int, below: int) -> str:
        unseen = {spec.name for spec in self._inputs}  # inputs that changed no output so far
        enough = self._clock() + _ENOUGH_S
        for number, rows in enumerate(_ROWS):
            if number and not unseen and self._clock() > enough:
                break
            doubt = self._round(self._feed(number, rows, free, below), rows, unseen)
            if doubt:
                return doubt
        if not self._floats:
            rows = min(_MANY_ROWS, 5 * _MOST_VALUES // max(1, *(_values(spec, free) for spec in self._inputs)))
            doubt = self._round(self._feed(len(_ROWS), rows, free, below), rows, unseen)
            if doubt:
                return doubt
        if unseen:
            return f"no output changed with input '{min(unseen)}' of made-up values"
        return ""

    def _feed(self, number: int, rows: int, free: int, below: int) -> Tensors:
        below = min(below, _RANGES[number % len(_RANGES)])
        return {
            spec.name: _made_up(spec, rows, free, below, 7 * number + place) for place, spec in enumerate(self._inputs)
        }

    def _round(self, feed: Tensors, rows: int, unseen: Set[str]) -> str:
        apart: List[Tensors] = []
        for row in range(rows):
            apart.append(self._run({name: array[row : row + 1] for name, array in feed.items()}))
            if self._clock() > self._until:
                return "it takes too long to be tried out"
        together = self._run(feed)
        self._floats = any(array.dtype.kind == "f" for array in together.values())
        for name, array in together.items():
            if not same(array, [answer[name] for answer in apart]):
                return f"output '{name}' of a row depends on the other rows"
        for name in sorted(unseen):
            if self._clock() > self._until:
                return "it takes too long to be tried out"
            turned = self._run({**feed, name: np.roll(feed[name], 1, axis=0)})
            if not all(same(turned[output], [array]) for output, array in together.items()):
                unseen.discard(name)
        return ""


def same(together: Array, apart: Sequence[Array]) -> bool:
    """Say whether an output has those rows, but for the last digits, which another kernel may sum up differently."""
    expected = np.concatenate(apart)
    if together.shape != expected.shape or together.dtype != expected.dtype:
        return False
    if together.dtype.kind != "f" or not together.size:
        return bool((together == expected).all())
    with np.errstate(all="ignore"):
        kind = together.dtype if together.dtype.itemsize > 2 else np.dtype(np.float32)
        one, other = (array.reshape(len(array), -1).astype(kind, copy=False) for array in (together, expected))
        size = np.where(np.isfinite(other), np.abs(other), 0)
        # Held against the smaller of its row's and its column's largest: beside a price, a probability is nothing.
        usual = np.minimum(size.max(axis=1, keepdims=True), size.max(axis=0, keepdims=True))
        share, least = (1e-2, 1e-3) if together.dtype.itemsize < 4 else (1e-4, 1e-7)
        allowed = usual * share + size.max() * least
        close = (one == other) | (np.abs(one - other) <= allowed) | (np.isnan(one) & np.isnan(other))
    return bool(close.all())


def _made_up(spec: TensorSpec, rows: int, free: int, below: int, seed: int) -> Array:
    """Return rows that differ from their neighbours; the same for the same seed."""
    shape = (rows, *(free if size == -1 else size for size in spec.shape[1:]))
    bits = np.arange(1, rows * _values(spec, free) + 1, dtype=np.uint32) * np.uint32(0x9E3779B1 + 2 * seed)
    bits = (bits ^ bits >> np.uint32(15)) * np.uint32(0x85EBCA6B)  # murmur's mixing: numpy.random takes 10 ms to import
    noise = ((bits >> np.uint32(8)).astype(np.float32) / np.float32(1 << 24)).reshape(shape)
    row = np.arange(rows).reshape(-1, *(1 for _ in shape[1:]))
    kind = spec.dtype.kind
    if kind == "f":
        return ((2 * noise - 1) * np.array(_SCALES, dtype=np.float32)[row % len(_SCALES)]).astype(spec.dtype)
    if kind == "O":
        return np.array(_TEXTS, dtype=object)[((noise * len(_TEXTS)).astype(int) + row) % len(_TEXTS)]
    below = 2 if kind == "b" else below
    return (((noise * below).astype(int) + row) % below).astype(spec.dtype)


def _values(spec: TensorSpec, free: int) -> int:
    count = 1
    for size in spec.shape[1:]:
        count *= free if size == -1 else size
    return count
