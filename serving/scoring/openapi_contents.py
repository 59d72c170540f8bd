"""What goes in and out at each door of ``/openapi.json``, as JSON schemas of the model's signature by media type."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Sequence, Tuple

from .formats.json_forms import FORMS, TENSOR_FORMS
from .formats.parquet import is_readable
from .mlflow.content_types import CSV_TYPE, JSON_LINES_TYPE, PARQUET_TYPE
from .mlflow.input_data import KEY
from .runtimes.base import BodyLike, Runtime, ScriptLike
from .tensors import Signature, TensorSpec

Schema = Dict[str, Any]
Content = Dict[str, Schema]
ANYTHING: Schema = {}
ROWS: Schema = {"type": "array"}
_JSON_TYPES = {"BOOL": "boolean", "BYTES": "string", "FP16": "number", "FP32": "number", "FP64": "number"}
_TABLES: Content = {media_type: {"schema": {"type": "string"}} for media_type in (CSV_TYPE, JSON_LINES_TYPE)}


def body_of(path: str, runtime: Runtime) -> Optional[Content]:
    """Return the content of a path's body by media type; None where it may be left out."""
    signature, is_script = runtime.signature, isinstance(runtime, ScriptLike)
    if path.endswith("/infer"):
        return {**json_content(_infer(signature)), "application/octet-stream": ANYTHING}
    if path.endswith(("/generate", "/generate_stream")):
        return json_content({"type": "object"})
    if path == "/score" and not isinstance(runtime, BodyLike):
        return json_content(ANYTHING if is_script else _object({"data": {"anyOf": [ROWS, _named(signature)]}}))
    if path in ("/score", "/invocations"):
        forms = (*FORMS, KEY) if path == "/score" else FORMS
        parquet = {PARQUET_TYPE: ANYTHING} if is_readable() and not is_script else {}
        return {**json_content(ANYTHING if is_script else _one_of(forms, signature)), **_TABLES, **parquet}
    if path.endswith(":predict"):
        return json_content(ANYTHING if is_script else _one_of(TENSOR_FORMS, signature))
    return None


def answer_of(path: str, runtime: Runtime) -> Optional[Content]:
    """Return the content of a path's answer by media type; None of a path at which nothing is scored."""
    if path == "/score":
        return _scored(runtime)
    if path == "/invocations":
        return {**json_content(_predicted(runtime)), **_TABLES}
    if path.endswith(":predict"):
        return json_content(_predicted(runtime))
    if path.endswith("/infer"):
        return {**json_content(_inferred(runtime)), "application/octet-stream": ANYTHING}
    if path.endswith("/generate"):
        return json_content(_generated(runtime))
    return {"text/event-stream": {"schema": _EVENTS}} if path.endswith("/generate_stream") else None


_EVENTS: Schema = {"description": "Events whose data are answers as generate has them; what is wrong is the last one."}


def _scored(runtime: Runtime) -> Content:
    if isinstance(runtime, ScriptLike):
        return {**json_content(ANYTHING), "*/*": ANYTHING}  # of whatever type the script says
    if isinstance(runtime, BodyLike):
        return {**json_content(_predicted(runtime)), **_TABLES}
    return json_content(_rows_of(runtime))


def _one_of(forms: Sequence[str], signature: Optional[Signature]) -> Schema:
    schemas = {
        "inputs": {"anyOf": [ROWS, _named(signature)]},
        "instances": ROWS,
        "dataframe_split": _object({"columns": {"type": "array", "items": {"type": "string"}}, "data": ROWS}),
        "dataframe_records": {"type": "array", "items": _row(signature)},
        KEY: {"description": "A frame of columns, index and data, or what inputs may be."},
    }
    return {"oneOf": [_object({form: schemas[form]}) for form in forms]}


def _infer(signature: Optional[Signature]) -> Schema:
    tensors = [_tensor(spec) for spec in signature.inputs] if signature else [_tensor(None)]
    inputs = {"type": "array", "items": {"anyOf": tensors}, "minItems": 1}
    output = _object({"name": {"type": "string"}})
    optional = {"id": {"type": "string"}, "outputs": {"type": "array", "items": output}}
    return {"type": "object", "required": ["inputs"], "properties": {"inputs": inputs, **optional}}


def _tensor(spec: Optional[TensorSpec]) -> Schema:
    shape: Schema = {"type": "array", "items": {"type": "integer", "minimum": 0}}
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


def _rows_of(runtime: Runtime) -> Schema:
    """The only output's rows, or all outputs' by name, of a model without code."""
    specs = runtime.signature.outputs if runtime.signature else ()
    return _values(specs[0]) if len(specs) == 1 else _object({spec.name: _values(spec) for spec in specs})


def _values(spec: TensorSpec) -> Schema:
    """Nested lists. A model that does not declare a tensor's dimensions has none here, which may be any."""
    if not spec.shape:
        return ANYTHING
    schema: Schema = {"type": _JSON_TYPES.get(spec.datatype, "integer")}
    for _ in spec.shape:
        schema = {"type": "array", "items": schema}
    return {**schema, "description": f"{spec.datatype} of shape {list(spec.shape)}, where -1 is any size"}


def _predicted(runtime: Runtime) -> Schema:
    if isinstance(runtime, ScriptLike):
        return _object({"predictions": ANYTHING})
    if isinstance(runtime, BodyLike):
        return {"anyOf": [_object({"predictions": ANYTHING}), {"description": _ALONE}]}
    return _object({"predictions": _rows_of(runtime)})


_ALONE = "The predictions alone to input_data at /score; what a model of texts returned to messages, prompt or input."


def _inferred(runtime: Runtime) -> Schema:
    """Outputs are those that the model declares; MLflow's may be others than its signature has."""
    specs = runtime.signature.outputs if runtime.signature else ()
    tensors = [_output(spec) for spec in specs]
    if not specs or isinstance(runtime, BodyLike):
        tensors.append(_output(None))
    outputs = {"type": "array", "items": {"anyOf": tensors}}
    schema = _object({**_MODEL, "outputs": outputs})
    schema["properties"]["id"] = {"type": "string"}
    return schema


def _output(spec: Optional[TensorSpec]) -> Schema:
    tensor = _tensor(None)
    if spec is not None:
        datatypes = sorted({spec.datatype, "BYTES"})  # BYTES are a classification's
        tensor["properties"].update(name={"const": spec.name}, datatype={"enum": datatypes})
        tensor["description"] = f"{spec.datatype} of shape {list(spec.shape)}; BYTES where a classification was asked"
    tensor["properties"]["parameters"] = {"type": "object"}
    return tensor


def _generated(runtime: Runtime) -> Schema:
    """Each output flat, a single element without its brackets."""
    schema = {**_object(_MODEL), "properties": dict(_MODEL)}
    declared = runtime.signature.outputs if runtime.signature and not isinstance(runtime, BodyLike) else ()
    for spec in declared:
        one: Schema = {"type": _JSON_TYPES.get(spec.datatype, "integer")}
        schema["properties"][spec.name] = {"anyOf": [one, {"type": "array", "items": one}]}
    return schema


_MODEL: Dict[str, Schema] = {"model_name": {"type": "string"}, "model_version": {"type": "string"}}


def _object(properties: Dict[str, Schema]) -> Schema:
    return {"type": "object", "required": list(properties), "properties": properties}


def json_content(schema: Schema) -> Content:
    return {"application/json": {"schema": schema}}
