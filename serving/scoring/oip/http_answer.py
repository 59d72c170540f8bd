"""Answers of the Open Inference Protocol over HTTP: outputs as JSON, or as bytes behind it."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Tuple

import msgspec

from ..errors import InvalidInput
from ..formats.json_rows import dump_json, plain
from ..formats.raw_tensors import to_raw
from ..http.messages import OCTETS, Response
from ..tensors import Array, Tensors, datatype_of
from .fixed_settings import NO_SHARED_MEMORY
from .http_codec import HEADER_LENGTH, InferBody
from .inputs import REGION
from .outputs import CLASSIFICATION, check_requested, top_classes


class _OutputTensor(msgspec.Struct, omit_defaults=True):
    """``parameters`` only with binary_data_size: Triton's C++ client stumbles over any other."""

    name: str
    datatype: str
    shape: List[int]
    parameters: Optional[Dict[str, int]] = None
    data: Any = None


class _Answer(msgspec.Struct, omit_defaults=True):
    model_name: str
    model_version: str
    id: str = ""
    outputs: Optional[List[_OutputTensor]] = None


def encode_outputs(head: InferBody, outputs: Tensors, model: str, version: str, batched: bool) -> Response:
    """Encode the requested outputs, all of them if none is named, each as JSON or binary as asked.

    Raises:
        InvalidInput: an output is unknown, named twice, or has no such form as is asked for.
    """
    described: List[_OutputTensor] = []
    blobs: List[bytes] = []
    for name, binary, array in _requested(head, outputs, batched):
        datatype = datatype_of(array)
        tensor = _OutputTensor(name, datatype, list(array.shape))
        if binary:
            blob = to_raw(array)
            tensor.parameters = {"binary_data_size": len(blob)}
            blobs.append(blob)
        else:
            tensor.data = _json_data(name, datatype, array)
        described.append(tensor)
    text = dump_json(_Answer(model, version, head.id, described))
    if not blobs:
        return Response(200, text)
    response = Response(200, b"".join((text, *blobs)), OCTETS)
    response.headers.append((HEADER_LENGTH, b"%d" % len(text)))
    return response


def _requested(head: InferBody, outputs: Tensors, batched: bool) -> List[Tuple[str, bool, Array]]:
    """Which outputs, in which order, whether each is binary, and what it holds."""
    default: Any = head.parameters.get("binary_data_output", False) if head.parameters else False
    if not isinstance(default, bool):
        raise _no_flag("parameters", "binary_data_output", default)
    if not head.outputs:
        return [(name, default, array) for name, array in outputs.items()]
    wanted: Dict[str, Tuple[str, bool, Array]] = {}
    for item in head.outputs:
        name, parameters = item.name, item.parameters
        check_requested(name, wanted, outputs)
        array: Array = outputs[name]
        binary: Any = default
        if parameters:
            binary = parameters.get("binary_data", default)
            if not isinstance(binary, bool):
                raise _no_flag(f"output '{name}'", "binary_data", binary)
            if REGION in parameters:
                raise InvalidInput(f"output '{name}': {NO_SHARED_MEMORY}")
            if CLASSIFICATION in parameters:
                array = top_classes(name, array, parameters[CLASSIFICATION], batched)
        wanted[name] = (name, binary, array)
    return list(wanted.values())


def _no_flag(where: str, name: str, value: object) -> InvalidInput:
    return InvalidInput(f"{where}: {name} must be true or false, got {value!r}")


def _json_data(name: str, datatype: str, array: Array) -> Any:
    if datatype == "FP16":
        raise InvalidInput(f"output '{name}': FP16 has no JSON form; ask for binary_data")
    return plain(array.ravel())
