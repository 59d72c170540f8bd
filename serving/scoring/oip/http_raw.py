"""A body that is one tensor's bytes and nothing else, which Inference-Header-Content-Length 0 says."""

from __future__ import annotations

from math import prod
from typing import List, Optional

from ..errors import InvalidInput
from ..formats.raw_tensors import from_raw, texts_of
from ..tensors import DTYPES, Signature, Tensors, TensorSpec


def decode_raw(body: bytes, signature: Optional[Signature]) -> Tensors:
    """Read the only input of a model: one item of a batch; one dimension of any size follows from the bytes.

    Raises:
        InvalidInput: the model has several inputs or says nothing of them, or the bytes do not fit.
    """
    if signature is None or len(signature.inputs) != 1:
        raise InvalidInput("a body of bytes only, without JSON, is for models of one declared input")
    spec = signature.inputs[0]
    shape = _item_shape(spec, signature.batched)
    if spec.datatype == "BYTES":
        return {spec.name: texts_of([body], [1 if size == -1 else size for size in shape], spec.name)}
    open_sizes = [place for place, size in enumerate(shape) if size == -1]
    if open_sizes:
        rest = DTYPES[spec.datatype].itemsize * prod(size for size in shape if size != -1)
        shape[open_sizes[0]] = len(body) // rest if rest else 0
    return {spec.name: from_raw(body, spec.datatype, shape, spec.name)}


def _item_shape(spec: TensorSpec, batched: bool) -> List[int]:
    shape = list(spec.shape)
    if batched:
        shape[0] = 1
    fixed = [size for size in shape if size != -1]
    if spec.datatype == "BYTES" and prod(fixed) != 1:
        raise InvalidInput(f"input '{spec.name}': a body of bytes only is one element, and {spec.shape} takes more")
    if spec.datatype != "BYTES" and len(shape) - len(fixed) > 1:
        raise InvalidInput(f"input '{spec.name}': {spec.shape} has several dimensions of any size: say them in JSON")
    return shape
