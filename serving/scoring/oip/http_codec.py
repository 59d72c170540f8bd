"""Bodies of the Open Inference Protocol over HTTP in Triton's dialect: JSON tensors and the binary extension.

A binary body is the JSON followed by the tensors' bytes in the order of the JSON, little-endian; the header
Inference-Header-Content-Length gives the JSON's length. Content-Type is never looked at (clients send anything).
"""

from __future__ import annotations

from math import prod
from typing import Annotated, Any, Dict, List, Optional, Union

import msgspec

from ..errors import InvalidInput
from ..formats import bare_tokens
from ..formats.json_arrays import decode_array
from ..formats.json_rows import dump_json, plain
from ..formats.raw_tensors import from_raw, to_raw
from ..http.messages import OCTETS, Response
from ..tensors import DTYPES, Array, Signature, Tensors, check_dimensions, datatype_of, shaped

Parameters = Dict[str, Union[bool, int, float, str]]
HEADER_LENGTH = b"inference-header-content-length"
_SIZE = Annotated[int, msgspec.Meta(ge=0, le=(1 << 40))]
_UNSUPPORTED = ("classification", "shared_memory_region")


class InputTensor(msgspec.Struct):
    name: str
    datatype: str
    shape: List[_SIZE]
    parameters: Optional[Parameters] = None
    data: msgspec.Raw = msgspec.Raw(b"")


class RequestedOutput(msgspec.Struct):
    name: str
    parameters: Optional[Parameters] = None


class InferBody(msgspec.Struct):
    """The JSON of an infer request."""

    inputs: List[InputTensor]
    id: str = ""
    parameters: Optional[Parameters] = None
    outputs: Optional[List[RequestedOutput]] = None


class _OutputTensor(msgspec.Struct, omit_defaults=True):
    """``parameters`` only with binary_data_size: Triton's C++ client stumbles over any other."""

    name: str
    datatype: str
    shape: List[int]
    parameters: Optional[Dict[str, int]] = None
    data: Any = None


_decoder = msgspec.json.Decoder(InferBody)


def split_body(body: bytes, header_length: Optional[bytes]) -> int:
    """Return the length of the JSON part.

    Raises:
        InvalidInput: the header is no number, or more than the body.
    """
    if header_length is None:
        return len(body)
    if not header_length.isdigit() or len(header_length) > 12 or int(header_length) > len(body):
        given = header_length.decode("latin-1")
        raise InvalidInput(f"Inference-Header-Content-Length is '{given}', and the body has {len(body)} bytes")
    return int(header_length)


def decode_head(body: bytes, json_length: int) -> InferBody:
    """Decode the JSON part.

    Raises:
        InvalidInput: it is not JSON, or not an infer request.
    """
    text = body if json_length == len(body) else body[:json_length]
    try:
        return _decoder.decode(text)
    except (ValueError, RecursionError) as error:
        return _decode_bare_tokens(text, error)


def decode_tensors(head: InferBody, body: bytes, json_length: int, signature: Optional[Signature]) -> Tensors:
    """Read every input, from the JSON or from the bytes behind it.

    Raises:
        InvalidInput: names the input and what was expected; or the bytes left over.
    """
    tensors: Tensors = {}
    offset = json_length
    for item in head.inputs:
        name = item.name
        if name in tensors:
            raise InvalidInput(f"input '{name}' is given twice")
        if item.datatype not in DTYPES:
            raise InvalidInput(f"input '{name}': unknown datatype '{item.datatype}'; known are {', '.join(DTYPES)}")
        if signature is not None and signature.input(name).datatype != item.datatype:
            raise InvalidInput(
                f"input '{name}': expected datatype {signature.input(name).datatype}, got {item.datatype}"
            )
        check_dimensions(item.shape, name)
        size = _binary_size(item)
        if size is None:
            tensors[name] = _from_json(item)
        else:
            if offset + size > len(body):
                left = len(body) - offset
                raise InvalidInput(f"input '{name}': binary_data_size is {size}, and {left} bytes are left of the body")
            tensors[name] = from_raw(memoryview(body)[offset : offset + size], item.datatype, item.shape, name)
            offset += size
    if offset != len(body):
        raise InvalidInput(f"{len(body) - offset} bytes are left over after the last input")
    return tensors


def encode_outputs(head: InferBody, outputs: Tensors, model: str, version: str) -> Response:
    """Encode the requested outputs, all of them if none is named, each as JSON or binary as asked.

    Raises:
        InvalidInput: an output is unknown, named twice, or its datatype has no JSON form.
    """
    default = bool((head.parameters or {}).get("binary_data_output", False))
    described: List[_OutputTensor] = []
    blobs: List[bytes] = []
    for name, binary in _requested(head, outputs, default).items():
        array = outputs[name]
        tensor = _OutputTensor(name, datatype_of(array), list(array.shape))
        if binary:
            blob = to_raw(array)
            tensor.parameters = {"binary_data_size": len(blob)}
            blobs.append(blob)
        else:
            tensor.data = _json_data(name, array)
        described.append(tensor)
    document: Dict[str, Any] = {"model_name": model, "model_version": version}
    if head.id:
        document["id"] = head.id
    document["outputs"] = described
    if not blobs:
        return Response(200, dump_json(document))
    text = dump_json(document)
    response = Response(200, b"".join((text, *blobs)), OCTETS)
    response.headers.append((HEADER_LENGTH, b"%d" % len(text)))
    return response


def _binary_size(item: InputTensor) -> Optional[int]:
    parameters = item.parameters or {}
    for name in _UNSUPPORTED:
        if name in parameters:
            raise InvalidInput(f"input '{item.name}': {name} is not supported")
    size = parameters.get("binary_data_size")
    has_data = bool(bytes(item.data))
    if size is None:
        if not has_data:
            raise InvalidInput(f"input '{item.name}': neither data nor parameters.binary_data_size is given")
        return None
    if has_data:
        raise InvalidInput(f"input '{item.name}': both data and parameters.binary_data_size are given")
    if isinstance(size, bool) or not isinstance(size, int) or size < 0:
        raise InvalidInput(f"input '{item.name}': binary_data_size must be a whole number, got {size!r}")
    return size


def _from_json(item: InputTensor) -> Array:
    if item.datatype == "FP16":
        raise InvalidInput(f"input '{item.name}': FP16 has no JSON form; send it as binary")
    array = decode_array(bytes(item.data), item.datatype, f"input '{item.name}'")
    shape = tuple(item.shape)
    if array.shape == shape:
        return array
    if array.ndim > 1 and array.size:
        raise InvalidInput(f"input '{item.name}': shape is {item.shape}, and data is nested as {list(array.shape)}")
    if array.size != prod(shape):
        raise InvalidInput(
            f"input '{item.name}': shape {item.shape} takes {prod(shape)} elements, and data has {array.size}"
        )
    return shaped(array, shape, item.name)


def _requested(head: InferBody, outputs: Tensors, default: bool) -> Dict[str, bool]:
    """Which outputs, in which order, and whether each is binary."""
    if not head.outputs:
        return dict.fromkeys(outputs, default)
    wanted: Dict[str, bool] = {}
    for item in head.outputs:
        parameters = item.parameters or {}
        if item.name not in outputs:
            known = ", ".join(f"'{name}'" for name in outputs)
            raise InvalidInput(f"unknown output '{item.name}': the model has {known}")
        if item.name in wanted:
            raise InvalidInput(f"output '{item.name}' is requested twice")
        for name in _UNSUPPORTED:
            if name in parameters:
                raise InvalidInput(f"output '{item.name}': {name} is not supported")
        wanted[item.name] = bool(parameters.get("binary_data", default))
    return wanted


def _json_data(name: str, array: Array) -> Any:
    if datatype_of(array) == "FP16":
        raise InvalidInput(f"output '{name}': FP16 has no JSON form; ask for binary_data")
    return plain(array.ravel())


def _decode_bare_tokens(text: bytes, cause: Exception) -> InferBody:
    """Read a body that msgspec refuses; bare NaN and Infinity are legal among the data."""
    if isinstance(cause, msgspec.ValidationError) or not bare_tokens.may_hold(text):
        raise InvalidInput(f"the body is not an infer request: {cause}") from cause
    try:
        document = bare_tokens.read(text)
        data = [item.pop("data", None) for item in document["inputs"]]
        head = msgspec.convert(document, InferBody)
        for item, values in zip(head.inputs, data):
            if values is not None:
                item.data = bare_tokens.raw(values)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidInput(f"the body is not an infer request: {error}") from error
    return head
