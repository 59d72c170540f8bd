"""Tensors as bytes, the same for HTTP's binary extension and gRPC's raw contents.

Little-endian, row-major; BOOL is one byte, BYTES are elements of a 32-bit length and that many bytes.
"""

from __future__ import annotations

import struct
from math import prod
from typing import Iterable, List, Sequence, Union

import numpy as np

from ..errors import InvalidInput
from ..tensors import DTYPES, Array, shaped

BF16 = "BF16"  # numpy has no such type: the upper half of a FP32, and read as one
_LENGTH = struct.Struct("<I")
_HALVES = np.dtype("<u2")


def from_raw(raw: Union[bytes, "memoryview[int]"], datatype: str, shape: Sequence[int], name: str) -> Array:
    """Read a tensor without copying it; BYTES become str.

    Raises:
        InvalidInput: the bytes are not as many as datatype and shape take, or not UTF-8; or no array has that shape.
    """
    if datatype == "BYTES":
        return _strings(bytes(raw), shape, name)
    dtype = _HALVES if datatype == BF16 else DTYPES[datatype]
    expected = prod(shape) * dtype.itemsize
    if len(raw) != expected:
        raise InvalidInput(
            f"input '{name}': {datatype} of shape {list(shape)} takes {expected} bytes, and {len(raw)} came"
        )
    if datatype == "BOOL":
        return shaped(np.frombuffer(raw, dtype=np.uint8).astype(np.bool_), shape, name)
    array = np.frombuffer(raw, dtype=dtype)
    if datatype == BF16:
        array = (array.astype("<u4") << 16).view("<f4")
    return shaped(array, shape, name)


def to_raw(array: Array) -> bytes:
    """Lay a tensor out as bytes."""
    if array.dtype.kind != "O":
        return array.tobytes()
    parts: List[bytes] = []
    for item in array.ravel():
        text = item if isinstance(item, bytes) else str(item).encode()
        parts += (_LENGTH.pack(len(text)), text)
    return b"".join(parts)


def _strings(raw: bytes, shape: Sequence[int], name: str) -> Array:
    items: List[bytes] = []
    length_at, size, offset = _LENGTH.unpack_from, len(raw), 0
    while offset < size:  # some millions of turns for the largest bodies
        start = offset + 4
        offset = start + (length_at(raw, offset)[0] if start <= size else 0)
        items.append(raw[start:offset])
    if offset != size:
        raise InvalidInput(f"input '{name}': element {len(items) - 1} of BYTES runs over the end of the data")
    if len(items) != prod(shape):
        raise InvalidInput(
            f"input '{name}': BYTES of shape {list(shape)} takes {prod(shape)} elements, and {len(items)} came"
        )
    return texts_of(items, shape, name)


def texts_of(items: Iterable[bytes], shape: Sequence[int], name: str) -> Array:
    """Make a tensor of elements of BYTES, as many as the shape takes.

    Raises:
        InvalidInput: one is not UTF-8; onnxruntime would be given Python's ``b'…'`` for it, and a script gets JSON.
    """
    try:
        texts = [item.decode() for item in items]
    except UnicodeDecodeError as error:
        raise InvalidInput(f"input '{name}': an element of BYTES is not UTF-8, which models take only") from error
    array = np.empty(len(texts), dtype=object)
    array[:] = texts
    return shaped(array, shape, name)
