"""``/openapi.json``: one OpenAPI 3.1 document of every HTTP door of this image.

Made from the door table, the errors' table and the model's signature, so that it says what they do. (Azure ML's own
``/swagger.json`` describes ``/score`` as Azure does.)
"""

from __future__ import annotations

import re
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

import msgspec

from .errors import HTTP_STATUS, InvalidInput, ScoringError
from .http.messages import Request, Response
from .protocol import VERSION
from .runtimes.base import BodyLike, Runtime, ScriptLike
from .tensors import Signature, TensorSpec

Schema = Dict[str, Any]
Doors = Mapping[bytes, Mapping[bytes, Callable[..., Any]]]
Word = Callable[[bytes, ScoringError], Response]

OWN = "/-/"  # between this process and its edge and supervisor
ONLY_AT_AN_EDGE = {
    401: "Through an edge: no key, or none of this endpoint's.",
    408: "Through an edge, at /score: no answer within request_timeout_ms.",
    424: "Through an edge, at /score: what this process answers with any status but 200, which is then in the header"
    " ms-azureml-model-error-statuscode.",
}
ANYTHING: Schema = {}
ROWS: Schema = {"type": "array"}
FORMS = ("inputs", "instances", "dataframe_split", "dataframe_records")
_JSON_TYPES = {"BOOL": "boolean", "BYTES": "string", "FP16": "number", "FP32": "number", "FP64": "number"}


class OpenApi:
    """The door. ``word`` words an error as the door at a path does; the document is made when it is first asked for."""

    def __init__(self, doors: Doors, word: Word, runtime: Runtime, name: str) -> None:
        self._doors = doors
        self._word = word
        self._runtime = runtime
        self._name = name
        self._document = b""

    async def get(self, request: Request) -> Response:
        if not self._document:
            self._document = msgspec.json.encode(document_of(self._doors, self._word, self._runtime, self._name))
        return Response(200, self._document)


def document_of(doors: Doors, word: Word, runtime: Runtime, name: str) -> Schema:
    """Describe every door but those of our own processes."""
    paths: Dict[str, Schema] = {}
    for path, methods in doors.items():
        text = path.decode()
        if text.startswith(OWN) or (text.endswith("/") and text != "/"):
            continue
        template = text.replace("*", "{name}")
        paths[template] = {
            method.decode().lower(): _operation(method, path, door, word, _body_of(text, runtime))
            for method, door in methods.items()
        }
    return {
        "openapi": "3.1.0",
        "info": {"title": name, "version": VERSION, "description": f"Every HTTP door of a {runtime.platform} model."},
        "servers": [{"url": "."}],
        "security": [{}, {"key": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "An endpoint's key, through an edge."}
            }
        },
    }


def _operation(
    method: bytes, path: bytes, door: Callable[..., Any], word: Word, content: Optional[Dict[str, Schema]]
) -> Schema:
    operation: Schema = {
        "summary": _summary(door),
        "operationId": re.sub(r"\W+", "_", f"{method.decode().lower()}{path.decode()}").strip("_"),
        "parameters": list(_parameters(method, path)),
        "responses": _responses(path, word),
    }
    if method == b"POST":
        operation["requestBody"] = {"required": content is not None, "content": content or _json({"type": "object"})}
    return operation


def _summary(door: Callable[..., Any]) -> str:
    first, _, _ = (door.__doc__ or "").strip().partition("\n")
    return first or door.__name__.replace("_", " ").capitalize()


def _parameters(method: bytes, path: bytes) -> Iterator[Schema]:
    if b"*" in path:
        segment = {"type": "string", "pattern": "^[A-Za-z0-9_-]+$"}
        yield {"name": "name", "in": "path", "required": True, "schema": segment}
    if path.endswith(b"/infer"):
        length = {"type": "integer", "minimum": 0}
        yield {"name": "inference-header-content-length", "in": "header", "schema": length, "description": _BINARY}


_BINARY = "Where tensors follow the JSON as bytes: how long the JSON is."


def _responses(path: bytes, word: Word) -> Schema:
    """An answer, or any error that the table of statuses has, in the shape of this door."""
    error = msgspec.json.decode(word(path, InvalidInput("")).body)
    schema = {"type": "object", "required": list(error), "properties": {key: {"type": "string"} for key in error}}
    described = dict.fromkeys(sorted(set(HTTP_STATUS.values())), "What is wrong.")
    responses: Schema = {"200": {"description": "The answer."}}
    responses.update(
        {str(status): {"description": text, "content": _json(schema)} for status, text in described.items()}
    )
    responses.update({str(status): {"description": text} for status, text in ONLY_AT_AN_EDGE.items()})
    if path == b"/score":  # a script sets what status it likes
        responses["default"] = {"description": "What the scoring script answered."}
    return responses


# Bodies


def _body_of(path: str, runtime: Runtime) -> Optional[Dict[str, Schema]]:
    """Return the content of a path's body by media type; None where it may be left out."""
    signature, is_script = runtime.signature, isinstance(runtime, ScriptLike)
    if path.endswith("/infer"):
        return {**_json(_infer(signature)), "application/octet-stream": ANYTHING}
    if path.endswith(("/generate", "/generate_stream")):
        return _json({"type": "object"})
    if path == "/score" and not isinstance(runtime, BodyLike):
        return _json(ANYTHING if is_script else _object({"data": {"anyOf": [ROWS, _named(signature)]}}))
    if path in ("/score", "/invocations"):
        tables = {} if is_script else {"text/csv": {"schema": {"type": "string"}}, _PARQUET: ANYTHING}
        return {**_json(ANYTHING if is_script else _one_of(FORMS, signature)), **tables}
    if path.endswith(":predict"):
        return _json(ANYTHING if is_script else _one_of(FORMS[:2], signature))
    return None


_PARQUET = "application/vnd.apache.parquet"


def _one_of(forms: Sequence[str], signature: Optional[Signature]) -> Schema:
    schemas = {
        "inputs": {"anyOf": [ROWS, _named(signature)]},
        "instances": ROWS,
        "dataframe_split": _object({"columns": {"type": "array", "items": {"type": "string"}}, "data": ROWS}),
        "dataframe_records": {"type": "array", "items": _row(signature)},
    }
    return {"oneOf": [_object({form: schemas[form]}) for form in forms]}


def _infer(signature: Optional[Signature]) -> Schema:
    tensors = [_tensor(spec) for spec in signature.inputs] if signature else [_tensor(None)]
    inputs = {"type": "array", "items": {"anyOf": tensors}, "minItems": 1}
    output = _object({"name": {"type": "string"}})
    optional = {"id": {"type": "string"}, "outputs": {"type": "array", "items": output}}
    return {"type": "object", "required": ["inputs"], "properties": {"inputs": inputs, **optional}}


def _tensor(spec: Optional[TensorSpec]) -> Schema:
    shape: Schema = {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 1000}}
    data: Schema = {"type": "array"}
    if spec is None:
        named: Schema = {"name": {"type": "string"}, "datatype": {"type": "string"}}
    else:
        named = {"name": {"const": spec.name}, "datatype": {"const": spec.datatype}}
        data["items"] = {"type": _JSON_TYPES.get(spec.datatype, "integer")}
        shape["description"] = f"{list(spec.shape)}, where -1 is any size"
    required: List[str] = ["name", "datatype", "shape"]
    return {"type": "object", "required": required, "properties": {**named, "shape": shape, "data": data}}


def _named(signature: Optional[Signature]) -> Schema:
    """Inputs by name, each with a value for every row."""
    if signature is None:
        return {"type": "object"}
    return _object({spec.name: ROWS for spec in signature.inputs if spec.required})


def _row(signature: Optional[Signature]) -> Schema:
    specs: Tuple[TensorSpec, ...] = signature.inputs if signature else ()
    if len(specs) < 2:
        return {"type": "object"}
    return _object({spec.name: {"type": _JSON_TYPES.get(spec.datatype, "integer")} for spec in specs if spec.required})


def _object(properties: Dict[str, Schema]) -> Schema:
    return {"type": "object", "required": list(properties), "properties": properties}


def _json(schema: Schema) -> Dict[str, Schema]:
    return {"application/json": {"schema": schema}}
