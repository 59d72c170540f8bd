"""What is checked of every input before its data is read, the same for JSON and messages."""

from __future__ import annotations

from typing import Mapping, Optional, Sequence

from ..errors import InvalidInput
from ..formats.raw_tensors import BF16
from ..tensors import DTYPES, MAX_DIMENSIONS, Signature

REGION = "shared_memory_region"


def check_input(
    name: str, datatype: str, shape: Sequence[int], given: Mapping[str, object], signature: Optional[Signature]
) -> None:
    """Check an input's description against what was ``given`` before it and what the model declares.

    Raises:
        InvalidInput: names the input, what was expected and what came.
    """
    if name in given:
        raise InvalidInput(f"input '{name}' is given twice")
    if signature is None or signature.input(name).datatype != datatype:
        _check_datatype(name, datatype, signature)
    if len(shape) > MAX_DIMENSIONS:
        raise InvalidInput(f"input '{name}': shape has {len(shape)} dimensions, and {MAX_DIMENSIONS} are allowed")


def _check_datatype(name: str, datatype: str, signature: Optional[Signature]) -> None:
    if datatype not in DTYPES and datatype != BF16:
        raise InvalidInput(f"input '{name}': unknown datatype '{datatype}'; known are {', '.join((*DTYPES, BF16))}")
    if signature is not None:
        raise InvalidInput(f"input '{name}': expected datatype {signature.input(name).datatype}, got {datatype}")
