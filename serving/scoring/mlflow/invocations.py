"""``/invocations``: MLflow's contract for models without code; a script gets the body as it gets it from ``/score``.
MLflow models read it themselves.

MLflow reads bodies with Python's json, so the bare tokens NaN and Infinity may stand wherever a number may.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Sequence, TypeVar

import msgspec
import numpy as np

from ..dataplane import DataPlane
from ..errors import InvalidInput
from ..formats import bare_tokens
from ..formats.json_arrays import decode_array
from ..formats.json_rows import dump_json, rows_of
from ..http.calls import call_of, request_text
from ..http.messages import Request, Response
from ..runtimes.base import BodyLike, ScriptLike
from ..tensors import Signature, Tensors

FORMS = ("inputs", "instances", "dataframe_split", "dataframe_records")
Rows = List[List[msgspec.Raw]]
T = TypeVar("T")


class _Split(msgspec.Struct):
    columns: List[str]
    data: Rows


class _LooseSplit(msgspec.Struct):
    columns: List[str]
    data: List[List[Any]]


_document = msgspec.json.Decoder(Dict[str, msgspec.Raw])
_records = msgspec.json.Decoder(List[Dict[str, msgspec.Raw]])
_split = msgspec.json.Decoder(_Split)


class Invocations:
    """The door at ``/invocations``."""

    def __init__(self, plane: DataPlane) -> None:
        self._plane = plane
        self._is_script = isinstance(plane.runtime, ScriptLike)
        self._reads_bodies = isinstance(plane.runtime, BodyLike)

    async def post(self, request: Request) -> Response:
        call = call_of(self._plane, request)
        if self._reads_bodies:
            content_type = request.headers.get(b"content-type", b"").decode("latin-1")
            return Response(200, await self._plane.invoke(request.body, content_type, call))
        if self._is_script:
            result = await self._plane.run_script(request_text(request), call)
            return Response(200, b'{"predictions": %b}' % result)
        signature = self._plane.runtime.signature
        assert signature is not None
        outputs = await self._plane.infer(tensors_of(request.body, signature), call)
        return Response(200, dump_json({"predictions": rows_of(outputs)}))


def tensors_of(body: bytes, signature: Signature) -> Tensors:
    """Read one of MLflow's four forms.

    Raises:
        InvalidInput: none or several of the forms, or what is in it does not fit the signature.
    """
    try:
        document = _read(body, _document, _loose_document)
        given = [form for form in FORMS if form in document]
        if len(given) != 1:
            raise InvalidInput(f"send exactly one of {', '.join(FORMS)}; got {', '.join(given) or 'none'}")
        text = bytes(document[given[0]])
        if given[0] == "dataframe_split":
            frame = _read(text, _split, _loose_split)
            return _from_columns(frame.columns, frame.data, signature)
        if given[0] == "dataframe_records" or (given[0] == "instances" and _holds_objects(text)):
            return _from_records(_read(text, _records, _loose_records), signature)
        if text[:1] == b"{":
            named = _read(text, _document, _loose_document)
            return {name: _array(bytes(raw), name, signature) for name, raw in named.items()}
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"the body is not what /invocations takes: {error}") from error
    return {_only_input(signature): _array(text, _only_input(signature), signature)}


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
    return _Split(frame.columns, [[bare_tokens.raw(cell) for cell in row] for row in frame.data])


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
    inputs = signature.inputs
    if {spec.name for spec in inputs} == set(columns) and len(columns) == len(inputs):
        place = {column: index for index, column in enumerate(columns)}
        tensors = {
            spec.name: _array(_joined([row[place[spec.name]] for row in rows]), spec.name, signature) for spec in inputs
        }
        return {
            spec.name: tensors[spec.name].reshape(-1, 1)
            if len(spec.shape) == 2 and tensors[spec.name].ndim == 1
            else tensors[spec.name]
            for spec in inputs
        }
    name = _only_input(signature)
    if not rows:
        return {name: np.empty((0, len(columns)), dtype=signature.input(name).dtype)}
    return {name: _array(b"[%b]" % b",".join(_joined(row) for row in rows), name, signature)}


def _joined(values: Sequence[msgspec.Raw]) -> bytes:
    return b"[%b]" % b",".join(bytes(value) for value in values)


def _array(text: bytes, name: str, signature: Signature) -> Any:
    return decode_array(text, signature.input(name).datatype, f"input '{name}'")


def _holds_objects(text: bytes) -> bool:
    return text[1:].lstrip()[:1] == b"{"


def _only_input(signature: Signature) -> str:
    if len(signature.inputs) != 1:
        names = ", ".join(f"'{spec.name}'" for spec in signature.inputs)
        raise InvalidInput(f"the model has {len(signature.inputs)} inputs, so name each: {names}")
    return signature.inputs[0].name
