"""The body that most clients send to a model of one input, ``{"inputs": [[…]]}`` and its kin, read in a single pass."""

from __future__ import annotations

from typing import Any, Callable, Optional

import msgspec
import numpy as np

from ..tensors import Signature, Tensors
from . import bare_tokens
from .json_arrays import LARGE, array_type


class UsualBody:
    """A JSON object of one ``member`` that is the model's only input, as deeply nested as the signature has it."""

    def __init__(self, member: str, signature: Optional[Signature]) -> None:
        self._decode: Optional[Callable[[bytes], Any]] = None  # to a record whose type is made here
        if signature is not None and len(signature.inputs) == 1:
            self._spec = signature.inputs[0]
            values = [("values", array_type(self._spec.datatype, len(self._spec.shape)))]
            body = msgspec.defstruct("Body", values, rename={"values": member}, forbid_unknown_fields=True)
            self._decode = msgspec.json.Decoder(body).decode

    def read(self, body: bytes) -> Optional[Tensors]:
        """Return the input; None for a large body, or any other, which its door judges by its own rules and words."""
        if self._decode is None or len(body) > LARGE:
            return None
        spec = self._spec
        try:
            array = np.array(self._decode(body).values, dtype=spec.dtype)
        except (*bare_tokens.MALFORMED, OverflowError):
            return None
        return {spec.name: array} if array.ndim == len(spec.shape) else None
