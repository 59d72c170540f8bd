"""Where the columns of a table go: each to the input of its name, or all of them, in their order, to the only input."""

from __future__ import annotations

from typing import Sequence

from ..errors import InvalidInput
from ..tensors import Array, Signature, TensorSpec

MAX_COLUMNS = 1 << 16  # a header of bare commas would name millions


def are_inputs(columns: Sequence[str], signature: Signature) -> bool:
    """Say whether the columns are the model's inputs, each once."""
    return len(columns) == len(signature.inputs) and {spec.name for spec in signature.inputs} == set(columns)


def only_input(signature: Signature) -> TensorSpec:
    """Return the model's only input. Raises InvalidInput: it has several, which a table must name."""
    if len(signature.inputs) != 1:
        names = ", ".join(f"'{spec.name}'" for spec in signature.inputs)
        raise InvalidInput(f"the model has {len(signature.inputs)} inputs, so name each: {names}")
    return signature.inputs[0]


def as_input(column: Array, spec: TensorSpec) -> Array:
    """Give a column of values the dimensions of its input: a column of a matrix where that is what it takes."""
    return column.reshape(-1, 1) if len(spec.shape) == 2 and column.ndim == 1 else column
