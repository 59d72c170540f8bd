"""An MLflow model's schemas as tensors of the Open Inference Protocol. Knows mlflow's records by their shape only."""

from __future__ import annotations

from typing import Any, List, Optional

import numpy as np

from ..tensors import DTYPES, Array, Signature, TensorSpec, datatype_of

# mlflow.types.DataType → datatype. Texts of a datetime and base64 of binary go as BYTES, as they go in JSON.
_COLUMNS = {
    "boolean": "BOOL",
    "integer": "INT32",
    "long": "INT64",
    "float": "FP32",
    "double": "FP64",
    "string": "BYTES",
    "binary": "BYTES",
    "datetime": "BYTES",
}


class Column(TensorSpec):
    """A column of a frame: one value a row, as a tensor of one dimension or of one column."""

    __slots__ = ()

    def check(self, array: Array) -> None:
        super().check(array.reshape(-1, 1) if array.ndim == 1 else array)


def signature_of(inputs: Any, outputs: Any) -> Optional[Signature]:
    """Render two schemas; None if there is no schema of inputs or it has a type that no tensor can carry."""
    given = _specs(inputs, "input") if inputs is not None else None
    if given is None:
        return None
    return Signature(given, (_specs(outputs, "output") if outputs is not None else None) or [])


def _specs(schema: Any, kind: str) -> Optional[List[TensorSpec]]:
    specs: List[TensorSpec] = []
    for number, item in enumerate(schema.inputs):
        name = f"{kind}_{number}" if item.name is None else str(item.name)
        spec = _tensor(name, item) if schema.is_tensor_spec() else _column(name, item, kind)
        if spec is None:
            return None
        specs.append(spec)
    return specs


def _tensor(name: str, item: Any) -> Optional[TensorSpec]:
    datatype = datatype_of(np.empty(0, dtype=item.type))
    return TensorSpec(name, datatype, item.shape) if datatype in DTYPES else None


def _column(name: str, item: Any, kind: str) -> Optional[TensorSpec]:
    datatype = _COLUMNS.get(getattr(item.type, "name", ""))
    if datatype is None:
        return None
    if kind == "output":
        return TensorSpec(name, datatype, [-1])
    return Column(name, datatype, [-1, 1], required=getattr(item, "required", True))
