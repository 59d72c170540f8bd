"""Which requests may run together, and which of them fails when they do. Pure: no clock, no thread, no model.

A batch is of requests that wait at the same moment; nothing here waits for more of them.
"""

from __future__ import annotations

from typing import Any, Callable, Hashable, List, Mapping, NamedTuple, Optional, Sequence, TypeVar, Union

import numpy as np

from ..runtimes.base import Call
from ..tensors import Array, Tensors

P = TypeVar("P")
R = TypeVar("R")


class Limits(NamedTuple):
    """Of one batch. A request that is larger by itself runs alone."""

    rows: int = 256
    size_bytes: int = 16 << 20


class Part:
    """What one request brings to a batch. Parts of equal ``kind`` may run together; one of kind None runs alone."""

    __slots__ = ("asked", "call", "kind", "rows", "size_bytes")

    def __init__(self, asked: Any, call: Call, kind: Optional[Hashable], rows: int, size_bytes: int) -> None:
        self.asked = asked
        self.call = call
        self.kind = kind
        self.rows = rows
        self.size_bytes = size_bytes


class Gathering:
    """What will run together: a first part, and what fits it.

    ``expected_s`` says how long a run of so many bytes takes: it must end before the soonest deadline.
    ``too_long`` is of how many bytes the first was that would not.
    """

    def __init__(self, first: Part, limits: Limits, now: float, expected_s: Callable[[int], float]) -> None:
        self._kind = first.kind
        self._rows = first.rows
        self._size_bytes = first.size_bytes
        self._deadline = first.call.deadline
        self._limits = limits
        self._now = now
        self._expected_s = expected_s
        self.too_long = 0

    def takes(self, part: Part) -> bool:
        """Take a part in, unless it is of another kind, too much, or would make itself or another late."""
        rows, size_bytes = self._rows + part.rows, self._size_bytes + part.size_bytes
        if part.kind != self._kind or self._kind is None:
            return False
        if rows > self._limits.rows or size_bytes > self._limits.size_bytes:
            return False
        deadline = min(self._deadline, part.call.deadline)
        if self._now + self._expected_s(size_bytes) > deadline:
            self.too_long = self.too_long or size_bytes
            return False
        self._rows, self._size_bytes, self._deadline = rows, size_bytes, deadline
        return True


def each(parts: Sequence[P], together: Callable[[Sequence[P]], Sequence[R]]) -> List[Union[R, BaseException]]:
    """Run parts together; where that raises, the halves of them, down to the one whose error it is."""
    try:
        return list(together(parts))
    except BaseException as error:  # a script may raise SystemExit
        if len(parts) == 1:
            return [error]
    middle = len(parts) // 2
    return [*each(parts[:middle], together), *each(parts[middle:], together)]


def part_of(tensors: Tensors, call: Call) -> Part:
    """Describe a request of tensors; it runs alone if they have no rows, or not the same number of them."""
    rows = {array.shape[0] if array.ndim else 0 for array in tensors.values()}
    count = rows.pop() if len(rows) == 1 else 0
    return Part(tensors, call, _kind(tensors, call.parameters) if count else None, count, size_of(tensors))


def size_of(tensors: Tensors) -> int:
    """Count the bytes of tensors, and the characters of texts."""
    return sum(map(_size_bytes, tensors.values()))


def concatenated(parts: Sequence[Tensors]) -> Tensors:
    """Put the rows of tensors of one kind below each other; their names come in the first one's order."""
    if len(parts) == 1:
        return parts[0]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def split(outputs: Tensors, rows: Sequence[int]) -> Optional[List[Tensors]]:
    """Give each its rows of the outputs, without copying; None if the outputs do not have one for each row."""
    total = sum(rows)
    if any(array.shape[:1] != (total,) for array in outputs.values()):
        return None
    shares: List[Tensors] = []
    begin = 0
    for count in rows:
        shares.append({name: array[begin : begin + count] for name, array in outputs.items()})
        begin += count
    return shares


def _kind(tensors: Tensors, parameters: Mapping[str, Any]) -> Hashable:
    """Parameters are told apart by their types, too: 1 is not True."""
    shapes = frozenset((name, array.dtype, array.shape[1:]) for name, array in tensors.items())
    return shapes, frozenset((name, type(value), value) for name, value in parameters.items())


def _size_bytes(array: Array) -> int:
    return array.nbytes + sum(map(len, array.ravel().tolist())) if array.dtype == object else array.nbytes
