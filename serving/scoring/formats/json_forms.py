"""The JSON forms of MLflow's and KServe's doors as the tensors of a model without code.

Both servers read bodies that Python's json writes, so the bare tokens NaN and Infinity may stand wherever a number may.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple, TypeVar, Union

import msgspec
import numpy as np

from ..errors import InvalidInput
from ..tensors import Array, Signature, Tensors
from . import bare_tokens
from .json_arrays import decode_array
from .placement import are_inputs, as_input, only_input

TENSOR_FORMS = ("inputs", "instances")
FORMS = (*TENSOR_FORMS, "dataframe_split", "dataframe_records")
LLM_KEYS = ("messages", "prompt", "input")  # an MLflow body with one of these is the model's own, and so is the answer
Rows = List[List[msgspec.Raw]]
T = TypeVar("T")


class _Split(msgspec.Struct):
    data: Rows
    columns: Optional[List[Union[str, int]]] = None  # pandas numbers those that have no names


class _LooseSplit(msgspec.Struct):
    data: List[List[Any]]
    columns: Optional[List[Union[str, int]]] = None


_document = msgspec.json.Decoder(Dict[str, msgspec.Raw])
_records = msgspec.json.Decoder(List[Dict[str, msgspec.Raw]])
_split = msgspec.json.Decoder(_Split)


def members_of(body: bytes) -> Dict[str, msgspec.Raw]:
    """Part a JSON object into its members' texts. Raises InvalidInput: it is none."""
    try:
        return _read(body, _document, _loose_document)
    except bare_tokens.MALFORMED as error:
        raise InvalidInput(f"the body is not a JSON object: {error}") from error


def form_of(body: bytes, forms: Sequence[str]) -> Tuple[str, bytes]:
    """Return which of the forms a body has, and what it holds.

    Raises:
        InvalidInput: none of them, or several; or it is no JSON object.
    """
    document = members_of(body)
    given = [form for form in forms if form in document]
    if len(given) != 1:
        raise InvalidInput(f"send exactly one of {', '.join(forms)}; got {', '.join(given) or 'none'}")
    return given[0], bytes(document[given[0]])


def tensors_of(body: bytes, signature: Signature, forms: Sequence[str] = FORMS) -> Tensors:
    """Read a body that has one of the forms.

    Raises:
        InvalidInput: none or several of the forms, or what is in it does not fit the signature.
    """
    form, text = form_of(body, forms)
    try:
        if form == "dataframe_split":
            frame = _read(text, _split, _loose_split)
            columns = range(len(frame.data[0]) if frame.data else 0) if frame.columns is None else frame.columns
            return _from_columns([str(column) for column in columns], frame.data, signature)
        if form == "dataframe_records" or (form == "instances" and _holds_objects(text)):
            return _from_records(_read(text, _records, _loose_records), signature)
        if text[:1] == b"{":
            named = _read(text, _document, _loose_document)
            return {name: _array(bytes(raw), name, signature) for name, raw in named.items()}
    except bare_tokens.MALFORMED as error:
        raise InvalidInput(f"'{form}': {error}") from error
    name = only_input(signature).name
    return {name: _array(text, name, signature)}


def _read(text: bytes, decoder: "msgspec.json.Decoder[T]", loose: Callable[[Any], T]) -> T:
    """Decode; what is refused and may hold bare tokens is read again by Python's json and given to ``loose``."""
    try:
        return decoder.decode(text)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        if not bare_tokens.may_hold(text):
            raise
    return loose(bare_tokens.read(text))


def _loose_document(value: Any) -> Dict[str, msgspec.Raw]:
    return {name: bare_tokens.raw(part) for name, part in msgspec.convert(value, Dict[str, Any]).items()}


def _loose_records(value: Any) -> List[Dict[str, msgspec.Raw]]:
    return [_loose_document(record) for record in msgspec.convert(value, List[Dict[str, Any]])]


def _loose_split(value: Any) -> _Split:
    frame = msgspec.convert(value, _LooseSplit)
    return _Split([[bare_tokens.raw(cell) for cell in row] for row in frame.data], frame.columns)


def _from_records(records: List[Dict[str, msgspec.Raw]], signature: Signature) -> Tensors:
    columns = list(records[0]) if records else []
    for number, record in enumerate(records):
        if record.keys() != records[0].keys():
            raise InvalidInput(f"record {number} has columns {list(record)}, and the first one has {columns}")
    return _from_columns(columns, [[record[column] for column in columns] for record in records], signature)


def _from_columns(columns: Sequence[str], rows: Rows, signature: Signature) -> Tensors:
    """By name when the columns are the model's inputs; else in their order as the rows of the only input."""
    for number, row in enumerate(rows):
        if len(row) != len(columns):
            raise InvalidInput(f"row {number} has {len(row)} values for {len(columns)} columns")
    if are_inputs(columns, signature):
        place = {column: index for index, column in enumerate(columns)}
        return {
            spec.name: as_input(_array(_joined([row[place[spec.name]] for row in rows]), spec.name, signature), spec)
            for spec in signature.inputs
        }
    only = only_input(signature)
    if not rows:
        return {only.name: np.empty((0, len(columns)), dtype=only.dtype)}
    return {only.name: _array(b"[%b]" % b",".join(_joined(row) for row in rows), only.name, signature)}


def _joined(values: Sequence[msgspec.Raw]) -> bytes:
    return b"[%b]" % b",".join(bytes(value) for value in values)


def _array(text: bytes, name: str, signature: Signature) -> Array:
    spec = signature.input(name)
    return decode_array(text, spec.datatype, spec.where)


def _holds_objects(text: bytes) -> bool:
    return text[1:].lstrip()[:1] == b"{"
