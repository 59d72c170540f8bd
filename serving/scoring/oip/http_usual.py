"""The infer requests that most clients send, read in a single pass: numbers as JSON, or as bytes behind it.

Whatever is unusual, or wrong, is left to ``http_codec``, which reads it once more by its own rules and words.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional, Tuple, Union

import msgspec
import numpy as np

from ..formats import bare_tokens
from ..formats.json_arrays import LARGE, array_type
from ..tensors import Array, Signature, Tensors, TensorSpec
from .http_codec import NO_DATA, InferHead, InputTensor, decode_infer_body

Usual = Optional[Tuple[InferHead, Tensors]]
_NOT_AS_JSON, _NOT_AS_BYTES = {"BYTES", "FP16"}, {"BYTES", "BOOL"}  # here, though some of them elsewhere
_MOST_DIMENSIONS = 8


class UsualInfer:
    """Of one model. It must have a signature, for JSON one whose inputs are all of one datatype."""

    def __init__(self, signature: Optional[Signature]) -> None:
        self._specs: Dict[str, TensorSpec] = {}
        self._as_bytes = False
        self._decode: Optional[Callable[[bytes], Any]] = None  # to a record whose type is made here
        if signature is None:
            return
        self._specs = {spec.name: spec for spec in signature.inputs}
        datatypes = {spec.datatype for spec in signature.inputs}
        self._as_bytes = not datatypes & _NOT_AS_BYTES
        if len(datatypes) == 1 and not datatypes & _NOT_AS_JSON:
            most = max(len(spec.shape) for spec in signature.inputs)
            data = [("data", _nested(datatypes.pop(), min(most, _MOST_DIMENSIONS)))]
            tensor: Any = msgspec.defstruct("Tensor", data, bases=(InputTensor,), kw_only=True)
            body = msgspec.defstruct("Body", [("inputs", List[tensor])], bases=(InferHead,), kw_only=True)
            self._decode = msgspec.json.Decoder(body).decode

    def read(self, body: bytes, json_length: int) -> Usual:
        """Return the request and its inputs; None for any that is not as usual."""
        if not 0 < json_length <= LARGE:
            return None
        try:
            return self._of_json(body) if json_length == len(body) else self._of_bytes(body, json_length)
        except (*bare_tokens.MALFORMED, OverflowError, TypeError):  # TypeError: the shape takes more bytes than came
            return None

    def _of_json(self, body: bytes) -> Usual:
        if self._decode is None:
            return None
        head = self._decode(body)
        tensors: Tensors = {}
        for item in head.inputs:
            name, shape = item.name, item.shape
            spec = self._specs.get(name)
            if spec is None or item.datatype != spec.datatype or len(shape) != len(spec.shape) or name in tensors:
                return None
            if item.parameters:
                return None
            array = np.array(item.data, spec.dtype)
            if array.ndim == 1:
                array = array.reshape(shape)
            elif array.shape != tuple(shape):
                return None
            tensors[name] = array
        return head, tensors

    def _of_bytes(self, body: bytes, json_length: int) -> Usual:
        if not self._as_bytes:
            return None
        head = decode_infer_body(body[:json_length])
        tensors: Tensors = {}
        offset = json_length
        for item in head.inputs:
            name, shape, parameters = item.name, item.shape, item.parameters
            spec = self._specs.get(name)
            if spec is None or item.datatype != spec.datatype or len(shape) != len(spec.shape) or name in tensors:
                return None
            if item.data != NO_DATA or not parameters or len(parameters) != 1:
                return None
            array: Array = np.ndarray(shape, spec.dtype, body, offset)
            size = parameters.get("binary_data_size")
            if type(size) is not int or size != array.nbytes:  # True is no number here
                return None
            tensors[name] = array
            offset += size
        return (head, tensors) if offset == len(body) else None


def _nested(datatype: str, depth: int) -> Any:
    """Return the type of an array that is flat, or nested up to so deep."""
    element: Any = array_type(datatype, 0)
    nested: Any = List[element]
    for _ in range(depth - 1):
        nested = List[Union[element, nested]]
    return nested
