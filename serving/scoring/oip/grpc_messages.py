"""Messages of ``inference.GRPCInferenceService``, made at run time in a private descriptor pool.

A user's script may import tritonclient, which registers the same names in the default pool, where they can exist once
per process; in a pool of our own they meet nobody.
"""

from __future__ import annotations

from typing import Any, Dict

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from .grpc_schema import ENUMS, MESSAGES, PACKAGE, SERVICE, STREAM_METHOD, UNARY_METHODS

_Proto = descriptor_pb2.FieldDescriptorProto


def message_classes() -> Dict[str, Any]:
    """Build the classes by their names without the package: ``ModelInferRequest``, ``InferParameter``, …"""
    pool = descriptor_pool.DescriptorPool()
    pool.Add(service_file())
    return {path: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.{path}")) for path in MESSAGES}


def service_file() -> Any:
    """Return the FileDescriptorProto of the messages and of the service with all methods of Triton's."""
    file = descriptor_pb2.FileDescriptorProto(name="slipway/grpc_service.proto", package=PACKAGE, syntax="proto3")
    messages: Dict[str, Any] = {}
    for path, fields in MESSAGES.items():
        outer, _, name = path.rpartition(".")
        message = messages[path] = (messages[outer].nested_type if outer else file.message_type).add(name=name)
        for field in filter(None, fields.split(",")):
            _add_field(message, path, *field.split())
    for path, values in ENUMS.items():
        outer, _, name = path.rpartition(".")
        enum = (messages[outer] if outer else file).enum_type.add(name=name)
        for number, value in enumerate(values.split()):
            enum.value.add(name=value, number=number)
    _add_service(file)
    return file


def _add_field(message: Any, path: str, kind: str, name: str, number: str) -> None:
    name, _, oneof = name.partition("|")
    field = message.field.add(name=name, number=int(number), label=_Proto.LABEL_OPTIONAL)
    if kind[0] in "*%":
        field.label = _Proto.LABEL_REPEATED
    if kind[0] == "%":
        entry = "".join(part.title() for part in name.split("_")) + "Entry"
        _add_map_entry(message, entry, kind[1:])
        kind = f"{path}.{entry}"
    _set_type(field, kind.lstrip("*"))
    if oneof:
        if not message.oneof_decl:
            message.oneof_decl.add(name=oneof)
        field.oneof_index = 0


def _add_map_entry(message: Any, name: str, value: str) -> None:
    entry = message.nested_type.add(name=name)
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, label=_Proto.LABEL_OPTIONAL, type=_Proto.TYPE_STRING)
    _set_type(entry.field.add(name="value", number=2, label=_Proto.LABEL_OPTIONAL), value)


def _set_type(field: Any, kind: str) -> None:
    if kind[0].isupper():
        field.type = _Proto.TYPE_ENUM if kind in ENUMS else _Proto.TYPE_MESSAGE
        field.type_name = f".{PACKAGE}.{kind}"
    else:
        field.type = getattr(_Proto, f"TYPE_{kind.upper()}")


def _add_service(file: Any) -> None:
    service = file.service.add(name=SERVICE.rpartition(".")[2])
    for name in UNARY_METHODS.split():
        types = {"input_type": f".{PACKAGE}.{name}Request", "output_type": f".{PACKAGE}.{name}Response"}
        service.method.add(name=name, **types)
    types = {"input_type": f".{PACKAGE}.ModelInferRequest", "output_type": f".{PACKAGE}.{STREAM_METHOD}Response"}
    service.method.add(name=STREAM_METHOD, client_streaming=True, server_streaming=True, **types)
