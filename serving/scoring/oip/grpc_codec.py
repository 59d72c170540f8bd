"""ModelInfer's messages to tensors and back. Answers are always raw, as Triton's; both forms are read."""

from __future__ import annotations

from typing import Any, Dict, Optional, Tuple

import numpy as np

from ..errors import InvalidInput
from ..formats.raw_tensors import from_raw, texts_of, to_raw
from ..tensors import DTYPES, Array, Signature, Tensors, datatype_of, shaped
from .fixed_settings import NO_SHARED_MEMORY
from .inputs import REGION, check_input
from .outputs import CLASSIFICATION, check_requested, top_classes

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
        check_input(name, datatype, shape, tensors, signature)
        if shape and min(shape) < 0:
            raise InvalidInput(f"input '{name}': shape {list(shape)} has a negative size")
        if item.parameters and REGION in item.parameters:
            raise InvalidInput(f"input '{name}': {NO_SHARED_MEMORY}")
        if not raw:
            tensors[name] = _from_contents(item, name, datatype, shape)
        elif item.HasField("contents"):
            raise InvalidInput(f"input '{name}': both contents and raw_input_contents are given")
        else:
            tensors[name] = from_raw(raw[index], datatype, shape, name)
    return tensors


def encode_response(request: Any, outputs: Tensors, response: Any, batched: bool) -> None:
    """Add the requested outputs, all of them if none is named, to a ModelInferResponse.

    Raises:
        InvalidInput: an output is unknown, named twice, or has no such form as is asked for.
    """
    for name, array in _requested(request, outputs, batched).items():
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
        return texts_of(values, shape, name)
    return shaped(_in_range(np.array(values), name, datatype), shape, name)


def _in_range(values: Array, name: str, datatype: str) -> Array:
    """Narrow 32-bit contents to 8 or 16 bits, never wrapping."""
    dtype = DTYPES[datatype]
    narrowed = values.astype(dtype)
    if dtype.kind in "iu" and not np.array_equal(narrowed, values):
        raise InvalidInput(f"input '{name}': a number is out of range for {datatype}")
    return narrowed


def _requested(request: Any, outputs: Tensors, batched: bool) -> Tensors:
    if not request.outputs:
        return outputs
    wanted: Tensors = {}
    for item in request.outputs:
        name, parameters = item.name, item.parameters
        check_requested(name, wanted, outputs)
        wanted[name] = outputs[name]
        if parameters:
            if REGION in parameters:
                raise InvalidInput(f"output '{name}': {NO_SHARED_MEMORY}")
            if CLASSIFICATION in parameters:
                count = parameter_value(parameters[CLASSIFICATION])
                wanted[name] = top_classes(name, outputs[name], count, batched)
    return wanted


def parameter_value(parameter: Any) -> Any:
    """Return what an InferParameter holds, None if nothing."""
    kind = parameter.WhichOneof("parameter_choice")
    return getattr(parameter, kind) if kind else None
