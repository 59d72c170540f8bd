"""JSON arrays to numpy, checked: element type, range and equal lengths. Nothing is rounded to fit or wrapped.

The nesting is read off the leading brackets, so each (datatype, depth) has one typed decoder, and msgspec's messages
give the element's path. Beside JSON's numbers the bare tokens NaN, Infinity and -Infinity are read, as Triton does.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Dict, Iterator, List, Tuple

import msgspec
import numpy as np

from ..errors import InvalidInput
from ..tensors import DTYPES, MAX_DIMENSIONS, Array
from . import bare_tokens

MAX_DEPTH = MAX_DIMENSIONS
LARGE = 128 * 1024  # bytes of JSON that take 10 ms to read; what has more is not read on the event loop
_SPACE = b" \t\n\r"


def _bounded_int(bits: int, signed: bool) -> Any:
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    # msgspec's bounds are themselves signed 64-bit; numpy refuses what lies beyond them.
    return Annotated[int, msgspec.Meta(ge=low, le=min(high, (1 << 63) - 1))] if bits < 64 else int


def _bounded_float(dtype: Any) -> Any:
    limit = float(np.finfo(dtype).max)
    return Annotated[float, msgspec.Meta(ge=-limit, le=limit)]


_ELEMENTS: Dict[str, Any] = {
    "BOOL": bool,
    "BYTES": str,
    "FP16": _bounded_float(np.float16),
    "FP32": _bounded_float(np.float32),
    "FP64": float,
    **{f"INT{bits}": _bounded_int(bits, signed=True) for bits in (8, 16, 32, 64)},
    **{f"UINT{bits}": _bounded_int(bits, signed=False) for bits in (8, 16, 32, 64)},
}
_decoders: Dict[Tuple[str, int], msgspec.json.Decoder[Any]] = {}


def array_type(datatype: str, depth: int) -> Any:
    """Return the type that msgspec reads an array as, nested so deep."""
    return _nested(_ELEMENTS[datatype], depth)


def decode_array(text: bytes, datatype: str, where: str) -> Array:
    """Decode a JSON array (or scalar) of any depth up to ``MAX_DEPTH`` into an array of ``datatype``.

    Raises:
        InvalidInput: the message begins with ``where`` and names the element.
    """
    depth = _depth(text, where)
    if depth and len(text) > LARGE and datatype != "BYTES":
        return _decode_large(text, datatype, depth, where)
    return _decode(text, datatype, depth, where)


def _decode_large(text: bytes, datatype: str, depth: int, where: str) -> Array:
    """Decode piece by piece: in between other threads have the interpreter, and the lists of a piece are gone."""
    arrays: List[Array] = []
    count = 0
    for piece in _pieces(text, depth):
        arrays.append(_decode(piece, datatype, depth, f"{where}, counted from element {count} on" if count else where))
        if arrays[-1].shape[1:] != arrays[0].shape[1:]:
            raise InvalidInput(f"{where}: rows are not of equal length")
        count += len(arrays[-1])
    return np.concatenate(arrays)


def _pieces(text: bytes, depth: int) -> Iterator[bytes]:
    """Part an array of numbers into several of some ``LARGE`` bytes, between elements of its own."""
    between = re.compile(rb"\s*".join([rb"\]"] * (depth - 1) + [b","]))
    start = text.index(b"[") + 1
    comma = b""
    while True:
        end = between.search(text, start + LARGE)
        if end is None:
            break
        yield b"[%b]" % text[start : end.end() - 1]
        start = end.end()
        comma = b","
    last = text[start:]
    yield b"[%b%b" % (comma if last.strip() == b"]" else b"", last)  # a comma with nothing behind it ends no array


def _decode(text: bytes, datatype: str, depth: int, where: str) -> Array:
    decoder = _decoders.get((datatype, depth))
    if decoder is None:
        decoder = _decoders[datatype, depth] = msgspec.json.Decoder(array_type(datatype, depth))
    try:
        values = decoder.decode(text)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"{where}: {_explained(str(error), datatype)}") from error
    except bare_tokens.MALFORMED as error:
        return _decode_bare_tokens(text, datatype, depth, where, error)
    return _to_array(values, datatype, depth, where)


def _to_array(values: Any, datatype: str, depth: int, where: str) -> Array:
    try:
        array = np.array(values, dtype=DTYPES[datatype])
        if array.ndim != depth:  # object arrays take ragged rows
            raise ValueError
        return array
    except OverflowError as error:
        raise InvalidInput(f"{where}: a number is out of range for {datatype}") from error
    except ValueError as error:
        raise InvalidInput(f"{where}: rows are not of equal length") from error


def _depth(text: bytes, where: str) -> int:
    depth = 0
    for byte in text:
        if byte == 0x5B:
            depth += 1
            if depth > MAX_DEPTH:
                raise InvalidInput(f"{where}: nested deeper than {MAX_DEPTH}")
        elif byte not in _SPACE:
            break
    return depth


def _nested(element: Any, depth: int) -> Any:
    for _ in range(depth):
        element = List[element]
    return element


def _explained(message: str, datatype: str) -> str:
    return f"{message} (datatype {datatype})"


def _decode_bare_tokens(text: bytes, datatype: str, depth: int, where: str, cause: Exception) -> Array:
    """Read a text that holds NaN or Infinity, which msgspec refuses and floats allow."""
    if not datatype.startswith("FP") or not bare_tokens.may_hold(text):
        raise InvalidInput(f"{where}: {cause}") from cause
    try:
        values = msgspec.convert(bare_tokens.read(text), type=_nested(float, depth))
    except bare_tokens.MALFORMED as error:
        raise InvalidInput(f"{where}: {_explained(str(error), datatype)}") from error
    return narrowed(_to_array(values, "FP64", depth, where), datatype, where)


def narrowed(exact: Array, datatype: str, where: str) -> Array:
    """Give 64-bit floats the type of an input: rounded, but never to infinity.

    Raises:
        InvalidInput: one is out of range.
    """
    limit = np.finfo(DTYPES[datatype]).max
    if bool(np.any((np.abs(exact) > limit) & np.isfinite(exact))):
        raise InvalidInput(f"{where}: a number is out of range for {datatype}")
    return exact.astype(DTYPES[datatype])
