"""A model's signature as the schemas of what /score takes and gives: ``{"data": …}``, and rows."""

from __future__ import annotations

import math
from typing import Any, Dict, Sequence

from ..runtimes.azureml.schemas import ALL_VERSIONS, Schemas
from ..tensors import Signature, TensorSpec

MAX_EXAMPLE = 1000  # elements; an example of more is no fit for the model, but can be read
_FORMATS = {"FP16": "float", "FP32": "float", "FP64": "double"}


def schemas_of_signature(signature: Signature) -> Schemas:
    """Describe the bodies of a model without code."""
    data = _one_or_named(signature.inputs)
    example = data.pop("example")
    body = {"type": "object", "required": ["data"], "properties": {"data": data}, "example": {"data": example}}
    return Schemas(body, _one_or_named(signature.outputs), ALL_VERSIONS)


def _one_or_named(specs: Sequence[TensorSpec]) -> Dict[str, Any]:
    if len(specs) == 1:
        return _array(specs[0])
    parts = {spec.name: _array(spec) for spec in specs}
    examples = {name: part.pop("example") for name, part in parts.items()}
    return {"type": "object", "properties": parts, "example": examples}


def _array(spec: TensorSpec) -> Dict[str, Any]:
    schema, example = _element(spec.datatype)
    is_small = math.prod(max(size, 1) for size in spec.shape) <= MAX_EXAMPLE
    for size in reversed(spec.shape):
        schema = {"type": "array", "items": schema}
        example = [example] * (max(size, 1) if is_small else 1)
    return {**schema, "example": example}


def _element(datatype: str) -> "tuple[Dict[str, Any], Any]":
    if datatype == "BYTES":
        return {"type": "string"}, "text"
    if datatype == "BOOL":
        return {"type": "boolean"}, True
    if datatype in _FORMATS:
        return {"type": "number", "format": _FORMATS[datatype]}, 0.0
    return {"type": "integer", "format": datatype.lower()}, 0
