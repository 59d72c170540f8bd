"""Names, datatypes and shapes of a model's tensors, and what fits them. Of protocols it knows the type names only."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Sequence, Tuple

import numpy as np

from .errors import InvalidInput

Array = np.ndarray[Any, np.dtype[Any]]
Tensors = Dict[str, Array]

# Open Inference Protocol type name → little-endian numpy dtype. BYTES are objects, str or (results) bytes.
DTYPES: Dict[str, np.dtype[Any]] = {
    "BOOL": np.dtype(np.bool_),
    "UINT8": np.dtype(np.uint8),
    "UINT16": np.dtype("<u2"),
    "UINT32": np.dtype("<u4"),
    "UINT64": np.dtype("<u8"),
    "INT8": np.dtype(np.int8),
    "INT16": np.dtype("<i2"),
    "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"),
    "FP16": np.dtype("<f2"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
    "BYTES": np.dtype(object),
}
_DATATYPES = {dtype: name for name, dtype in DTYPES.items()}
MAX_DIMENSIONS = 32  # what every numpy can; newer ones take 64


class TensorSpec:
    """A tensor as the model declares it; -1 stands for a dimension of any size."""

    __slots__ = ("_fixed", "datatype", "dtype", "name", "required", "shape", "where")

    def __init__(self, name: str, datatype: str, shape: Sequence[int], required: bool = True) -> None:
        self.name = name
        self.datatype = datatype
        self.dtype = DTYPES[datatype]
        self.shape = tuple(shape)
        self._fixed = [(index, size) for index, size in enumerate(self.shape) if size != -1]
        self.required = required
        self.where = f"input '{name}'"  # how messages name it

    def check(self, array: Array) -> None:
        """Raise InvalidInput unless the array has this dtype, rank and fixed dimensions."""
        if array.dtype is not self.dtype and array.dtype != self.dtype:
            raise InvalidInput(f"input '{self.name}': expected datatype {self.datatype}, got {datatype_of(array)}")
        got = array.shape
        if len(got) == len(self.shape):
            for index, size in self._fixed:
                if got[index] != size:
                    break
            else:
                return
        raise InvalidInput(f"input '{self.name}': expected shape {list(self.shape)}, got {list(got)}")


class Signature:
    """The tensors a model takes and gives, in the model's order.

    ``batched`` says that the first dimension of all of them, of any size, counts the items of a batch.
    """

    __slots__ = ("_inputs", "batched", "inputs", "outputs")

    def __init__(self, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]) -> None:
        self.inputs = tuple(inputs)
        self.outputs = tuple(outputs)
        self._inputs: Dict[str, TensorSpec] = {spec.name: spec for spec in inputs}
        self.batched = bool(self.inputs) and all(spec.shape[:1] == (-1,) for spec in (*self.inputs, *self.outputs))

    def input(self, name: str) -> TensorSpec:
        """Return the input of that name, or raise InvalidInput naming those that exist."""
        spec = self._inputs.get(name)
        if spec is None:
            raise InvalidInput(f"unknown input '{name}': the model has {_quoted(self._inputs)}")
        return spec

    def check(self, tensors: Mapping[str, Array]) -> None:
        """Raise InvalidInput unless every required input is there, nothing unknown is, and each fits."""
        for spec in self.inputs:
            array = tensors.get(spec.name)
            if array is None:
                if not spec.required:
                    continue
                raise InvalidInput(f"missing input '{spec.name}': the model has {_quoted(self._inputs)}")
            spec.check(array)
        if len(tensors) != len(self.inputs):
            for name in tensors:
                self.input(name)


def shaped(array: Array, shape: Sequence[int], name: str) -> Array:
    """Give an array, whose size is right, that shape.

    Raises:
        InvalidInput: the sizes beside a 0 are more than numpy can count.
    """
    try:
        return array.reshape(tuple(shape))
    except (ValueError, OverflowError) as error:
        raise InvalidInput(f"input '{name}': shape {list(shape)} is larger than any array: {error}") from error


def datatype_of(array: Array) -> str:
    """Name an array's datatype; strings of any numpy kind are BYTES."""
    return _DATATYPES.get(array.dtype) or ("BYTES" if array.dtype.kind in "SUO" else str(array.dtype))


def first(tensors: Tensors) -> Tuple[str, Array]:
    """Return the first tensor with its name."""
    return next(iter(tensors.items()))


def _quoted(names: Mapping[str, TensorSpec]) -> str:
    quoted: List[str] = [f"'{name}'" for name in names]
    return ", ".join(quoted) or "none"
