"""Requests of the Open Inference Protocol over HTTP in Triton's dialect: JSON tensors and the binary extension.

A binary body is the JSON followed by the tensors' bytes in the order of the JSON, little-endian; the header
Inference-Header-Content-Length gives the JSON's length. Content-Type is never looked at (clients send anything).
"""

from __future__ import annotations

from math import prod
from typing import Annotated, Dict, List, Optional, Union

import msgspec

from ..errors import InvalidInput
from ..formats import bare_tokens
from ..formats.json_arrays import decode_array
from ..formats.raw_tensors import BF16, from_raw
from ..tensors import Array, Signature, Tensors, shaped
from .fixed_settings import NO_SHARED_MEMORY
from .inputs import REGION, check_input

Parameters = Dict[str, Union[bool, int, float, str]]
HEADER_LENGTH = b"inference-header-content-length"
NO_DATA = msgspec.Raw(b"")
_SIZE = Annotated[int, msgspec.Meta(ge=0, le=(1 << 40))]


class InputTensor(msgspec.Struct):
    name: str
    datatype: str
    shape: List[_SIZE]
    parameters: Optional[Parameters] = None
    data: msgspec.Raw = NO_DATA


class RequestedOutput(msgspec.Struct):
    name: str
    parameters: Optional[Parameters] = None


class InferHead(msgspec.Struct):
    """What the JSON of an infer request says besides its inputs."""

    id: str = ""
    parameters: Optional[Parameters] = None
    outputs: Optional[List[RequestedOutput]] = None


class InferBody(InferHead, kw_only=True):
    """The JSON of an infer request."""

    inputs: List[InputTensor]


RAW = InferHead(parameters={"binary_data_output": True})  # what a body of bytes only stands for
decode_infer_body = msgspec.json.Decoder(InferBody).decode


def split_body(body: bytes, header_length: Optional[bytes]) -> int:
    """Return the length of the JSON part.

    Raises:
        InvalidInput: the header is no number, or more than the body.
    """
    if header_length is None:
        return len(body)
    length = int(header_length) if header_length.isdigit() and len(header_length) <= 12 else len(body) + 1
    if length > len(body):
        given = header_length.decode("latin-1")
        raise InvalidInput(f"Inference-Header-Content-Length is '{given}', and the body has {len(body)} bytes")
    return length


def decode_head(body: bytes, json_length: int) -> InferBody:
    """Decode the JSON part.

    Raises:
        InvalidInput: it is not JSON, or not an infer request.
    """
    text = body if json_length == len(body) else body[:json_length]
    try:
        return decode_infer_body(text)
    except bare_tokens.MALFORMED as error:
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
        check_input(name, item.datatype, item.shape, tensors, signature)
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


def _binary_size(item: InputTensor) -> Optional[int]:
    parameters, has_data, size = item.parameters, item.data != NO_DATA, None
    if parameters:
        if REGION in parameters:
            raise InvalidInput(f"input '{item.name}': {NO_SHARED_MEMORY}")
        size = parameters.get("binary_data_size")
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
    if item.datatype in ("FP16", BF16):
        raise InvalidInput(f"input '{item.name}': {item.datatype} has no JSON form; send it as binary")
    array = decode_array(bytes(item.data), item.datatype, f"input '{item.name}'")
    if array.ndim > 1 and array.size and array.shape != tuple(item.shape):
        raise InvalidInput(f"input '{item.name}': shape is {item.shape}, and data is nested as {list(array.shape)}")
    try:
        return array.reshape(item.shape)
    except (ValueError, OverflowError):
        if array.size == prod(item.shape):
            return shaped(array, item.shape, item.name)  # which says that no array is so large
    raise InvalidInput(
        f"input '{item.name}': shape {item.shape} takes {prod(item.shape)} elements, and data has {array.size}"
    )


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
    except (*bare_tokens.MALFORMED, KeyError, TypeError, AttributeError) as error:
        raise InvalidInput(f"the body is not an infer request: {error}") from error
    return head
