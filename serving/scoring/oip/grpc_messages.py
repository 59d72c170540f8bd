"""Messages of ``inference.GRPCInferenceService``, made at run time in a private descriptor pool.

The field numbers are Triton's. A user's script may import tritonclient, which registers the same names in the default
pool, where they can exist once per process; in a pool of our own they meet nobody.
"""

from __future__ import annotations

from typing import Any, Dict, List, Tuple

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PACKAGE = "inference"
_Field = Tuple[str, int, str]  # name, number, type; "*" repeated, "%" map from string, "|x" member of oneof x

_MESSAGES: Dict[str, List[_Field]] = {
    "ServerLiveRequest": [],
    "ServerLiveResponse": [("live", 1, "bool")],
    "ServerReadyRequest": [],
    "ServerReadyResponse": [("ready", 1, "bool")],
    "ModelReadyRequest": [("name", 1, "string"), ("version", 2, "string")],
    "ModelReadyResponse": [("ready", 1, "bool")],
    "ServerMetadataRequest": [],
    "ServerMetadataResponse": [("name", 1, "string"), ("version", 2, "string"), ("extensions", 3, "*string")],
    "ModelMetadataRequest": [("name", 1, "string"), ("version", 2, "string")],
    "ModelMetadataResponse": [
        ("name", 1, "string"),
        ("versions", 2, "*string"),
        ("platform", 3, "string"),
        ("inputs", 4, "*ModelMetadataResponse.TensorMetadata"),
        ("outputs", 5, "*ModelMetadataResponse.TensorMetadata"),
    ],
    "ModelMetadataResponse.TensorMetadata": [("name", 1, "string"), ("datatype", 2, "string"), ("shape", 3, "*int64")],
    "InferParameter": [
        ("bool_param", 1, "bool|parameter_choice"),
        ("int64_param", 2, "int64|parameter_choice"),
        ("string_param", 3, "string|parameter_choice"),
        ("double_param", 4, "double|parameter_choice"),
        ("uint64_param", 5, "uint64|parameter_choice"),
    ],
    "InferTensorContents": [
        ("bool_contents", 1, "*bool"),
        ("int_contents", 2, "*int32"),
        ("int64_contents", 3, "*int64"),
        ("uint_contents", 4, "*uint32"),
        ("uint64_contents", 5, "*uint64"),
        ("fp32_contents", 6, "*float"),
        ("fp64_contents", 7, "*double"),
        ("bytes_contents", 8, "*bytes"),
    ],
    "ModelInferRequest": [
        ("model_name", 1, "string"),
        ("model_version", 2, "string"),
        ("id", 3, "string"),
        ("parameters", 4, "%InferParameter"),
        ("inputs", 5, "*ModelInferRequest.InferInputTensor"),
        ("outputs", 6, "*ModelInferRequest.InferRequestedOutputTensor"),
        ("raw_input_contents", 7, "*bytes"),
    ],
    "ModelInferRequest.InferInputTensor": [
        ("name", 1, "string"),
        ("datatype", 2, "string"),
        ("shape", 3, "*int64"),
        ("parameters", 4, "%InferParameter"),
        ("contents", 5, "InferTensorContents"),
    ],
    "ModelInferRequest.InferRequestedOutputTensor": [("name", 1, "string"), ("parameters", 2, "%InferParameter")],
    "ModelInferResponse": [
        ("model_name", 1, "string"),
        ("model_version", 2, "string"),
        ("id", 3, "string"),
        ("parameters", 4, "%InferParameter"),
        ("outputs", 5, "*ModelInferResponse.InferOutputTensor"),
        ("raw_output_contents", 6, "*bytes"),
    ],
    "ModelInferResponse.InferOutputTensor": [
        ("name", 1, "string"),
        ("datatype", 2, "string"),
        ("shape", 3, "*int64"),
        ("parameters", 4, "%InferParameter"),
        ("contents", 5, "InferTensorContents"),
    ],
}
_Proto = descriptor_pb2.FieldDescriptorProto


def message_classes() -> Dict[str, Any]:
    """Build the classes by their names without the package: ``ModelInferRequest``, ``InferParameter``, …"""
    file = descriptor_pb2.FileDescriptorProto(name="slipway/grpc_service.proto", package=PACKAGE, syntax="proto3")
    built: Dict[str, Any] = {}
    for path, fields in _MESSAGES.items():
        outer, _, name = path.rpartition(".")
        message = built[path] = (built[outer].nested_type if outer else file.message_type).add(name=name)
        for field in fields:
            _add_field(message, path, *field)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        path: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.{path}")) for path in _MESSAGES
    }


def _add_field(message: Any, path: str, name: str, number: int, kind: str) -> None:
    kind, _, oneof = kind.partition("|")
    field = message.field.add(name=name, number=number, label=_Proto.LABEL_OPTIONAL)
    if kind[0] in "*%":
        field.label = _Proto.LABEL_REPEATED
    if kind[0] == "%":
        entry = "".join(part.title() for part in name.split("_")) + "Entry"
        _add_map_entry(message, entry, kind[1:])
        kind = f"{path}.{entry}"
    kind = kind.lstrip("*")
    if kind[0].isupper():
        field.type, field.type_name = _Proto.TYPE_MESSAGE, f".{PACKAGE}.{kind}"
    else:
        field.type = getattr(_Proto, f"TYPE_{kind.upper()}")
    if oneof:
        if not message.oneof_decl:
            message.oneof_decl.add(name=oneof)
        field.oneof_index = 0


def _add_map_entry(message: Any, name: str, value: str) -> None:
    entry = message.nested_type.add(name=name)
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, label=_Proto.LABEL_OPTIONAL, type=_Proto.TYPE_STRING)
    entry.field.add(
        name="value",
        number=2,
        label=_Proto.LABEL_OPTIONAL,
        type=_Proto.TYPE_MESSAGE,
        type_name=f".{PACKAGE}.{value}",
    )
