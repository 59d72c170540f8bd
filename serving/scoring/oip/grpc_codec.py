"""ModelInfer's messages to tensors and back. Answers are always raw, as Triton's; both forms are read."""

from __future__ import annotations

from typing import Any, Dict, Optional, Tuple

import numpy as np

from ..errors import InvalidInput
from ..formats.raw_tensors import from_raw, text_of, to_raw
from ..tensors import DTYPES, Array, Signature, Tensors, check_dimensions, datatype_of, shaped

# datatype → the field of InferTensorContents that carries it
_CONTENTS: Dict[str, str] = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}
_UNSUPPORTED = ("classification", "shared_memory_region")


def decode_request(request: Any, signature: Optional[Signature]) -> Tensors:
    """Read every input of a ModelInferRequest.

    Raises:
        InvalidInput: names the input, what was expected and what came.
    """
    raw = request.raw_input_contents
    inputs = request.inputs
    if raw and len(raw) != len(inputs):
        raise InvalidInput(f"raw_input_contents has {len(raw)} entries for {len(inputs)} inputs")
    tensors: Tensors = {}
    for index, item in enumerate(inputs):
        name, datatype, shape = item.name, item.datatype, tuple(item.shape)
        if name in tensors:
            raise InvalidInput(f"input '{name}' is given twice")
        if datatype not in DTYPES:
            raise InvalidInput(f"input '{name}': unknown datatype '{datatype}'; known are {', '.join(DTYPES)}")
        if signature is not None and signature.input(name).datatype != datatype:
            raise InvalidInput(f"input '{name}': expected datatype {signature.input(name).datatype}, got {datatype}")
        check_dimensions(shape, name)
        if shape and min(shape) < 0:
            raise InvalidInput(f"input '{name}': shape {list(shape)} has a negative size")
        _refuse_unsupported(f"input '{name}'", item)
        if not raw:
            tensors[name] = _from_contents(item, name, datatype, shape)
        elif item.HasField("contents"):
            raise InvalidInput(f"input '{name}': both contents and raw_input_contents are given")
        else:
            tensors[name] = from_raw(raw[index], datatype, shape, name)
    return tensors


def encode_response(request: Any, outputs: Tensors, response: Any) -> None:
    """Add the requested outputs, all of them if none is named, to a ModelInferResponse.

    Raises:
        InvalidInput: an output is unknown or named twice.
    """
    for name in _requested(request, outputs):
        array = outputs[name]
        response.outputs.add(name=name, datatype=datatype_of(array), shape=array.shape)
        response.raw_output_contents.append(to_raw(array))


def _from_contents(item: Any, name: str, datatype: str, shape: Tuple[int, ...]) -> Array:
    field = _CONTENTS.get(datatype)
    if field is None:
        raise InvalidInput(f"input '{name}': {datatype} has no typed contents; send raw_input_contents")
    values = getattr(item.contents, field)
    filled = [described.name for described, _ in item.contents.ListFields()]
    if filled and filled != [field]:
        raise InvalidInput(f"input '{name}': {datatype} belongs in {field}, and {', '.join(filled)} is filled")
    count = 1
    for size in shape:
        count *= size
    if len(values) != count:
        raise InvalidInput(f"input '{name}': shape {list(shape)} takes {count} elements, and {field} has {len(values)}")
    if datatype == "BYTES":
        array = np.empty(count, dtype=object)
        array[:] = [text_of(value, name) for value in values]
        return shaped(array, shape, name)
    return shaped(_in_range(np.array(values), name, datatype), shape, name)


def _in_range(values: Array, name: str, datatype: str) -> Array:
    """Narrow 32-bit contents to 8 or 16 bits, never wrapping."""
    dtype = DTYPES[datatype]
    narrowed = values.astype(dtype)
    if dtype.kind in "iu" and not np.array_equal(narrowed, values):
        raise InvalidInput(f"input '{name}': a number is out of range for {datatype}")
    return narrowed


def _requested(request: Any, outputs: Tensors) -> Tuple[str, ...]:
    names = tuple(item.name for item in request.outputs) or tuple(outputs)
    for name in names:
        if name not in outputs:
            known = ", ".join(f"'{known}'" for known in outputs)
            raise InvalidInput(f"unknown output '{name}': the model has {known}")
    if len(set(names)) != len(names):
        raise InvalidInput("an output is requested twice")
    for item in request.outputs:
        _refuse_unsupported(f"output '{item.name}'", item)
    return names


def _refuse_unsupported(what: str, item: Any) -> None:
    if item.parameters:
        for name in _UNSUPPORTED:
            if name in item.parameters:
                raise InvalidInput(f"{what}: {name} is not supported")
