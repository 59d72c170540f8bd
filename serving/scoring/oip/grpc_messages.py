"""Protocol Buffers' messages made at run time from a table, in private descriptor pools.

A user's script may import tritonclient, which registers the same names in the default pool, where they can exist once
per process; in a pool of our own they meet nobody.
"""

from __future__ import annotations

from typing import Any, Dict, Mapping, NamedTuple

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from .grpc_schema import ENUMS, MESSAGES, PACKAGE, SERVICE, STREAM_METHOD, UNARY_METHODS

_Proto = descriptor_pb2.FieldDescriptorProto


class Schema(NamedTuple):
    """What a .proto says, in the notation of ``grpc_schema``. ``methods`` of ``service`` are ``Name Request Response``
    each, separated by commas; a "*" before a type is a stream of it."""

    package: str
    messages: Mapping[str, str]
    enums: Mapping[str, str]
    service: str
    methods: str


TRITON = Schema(
    PACKAGE,
    MESSAGES,
    ENUMS,
    SERVICE.rpartition(".")[2],
    ",".join(f"{name} {name}Request {name}Response" for name in UNARY_METHODS.split())
    + f",{STREAM_METHOD} *ModelInferRequest *{STREAM_METHOD}Response",
)


def message_classes(schema: Schema = TRITON) -> Dict[str, Any]:
    """Build the classes by their names without the package: ``ModelInferRequest``, ``InferParameter``, …"""
    pool = descriptor_pool.DescriptorPool()
    pool.Add(service_file(schema))
    return {
        path: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{schema.package}.{path}"))
        for path in schema.messages
    }


def service_file(schema: Schema = TRITON) -> Any:
    """Return the FileDescriptorProto of the messages and of the service with all its methods."""
    file = descriptor_pb2.FileDescriptorProto(
        name=f"slipway/{schema.package}.proto", package=schema.package, syntax="proto3"
    )
    messages: Dict[str, Any] = {}
    for path, fields in schema.messages.items():
        outer, _, name = path.rpartition(".")
        message = messages[path] = (messages[outer].nested_type if outer else file.message_type).add(name=name)
        for field in filter(None, fields.split(",")):
            _add_field(schema, message, path, *field.split())
    for path, values in schema.enums.items():
        outer, _, name = path.rpartition(".")
        enum = (messages[outer] if outer else file).enum_type.add(name=name)
        for number, value in enumerate(values.split()):
            enum.value.add(name=value, number=number)
    _add_service(schema, file)
    return file


def _add_field(schema: Schema, message: Any, path: str, kind: str, name: str, number: str) -> None:
    name, _, oneof = name.partition("|")
    field = message.field.add(name=name, number=int(number), label=_Proto.LABEL_OPTIONAL)
    if kind[0] in "*%":
        field.label = _Proto.LABEL_REPEATED
    if kind[0] == "%":
        entry = "".join(part.title() for part in name.split("_")) + "Entry"
        _add_map_entry(schema, message, entry, kind[1:])
        kind = f"{path}.{entry}"
    _set_type(schema, field, kind.lstrip("*"))
    if oneof:
        if not message.oneof_decl:
            message.oneof_decl.add(name=oneof)
        field.oneof_index = 0


def _add_map_entry(schema: Schema, message: Any, name: str, value: str) -> None:
    entry = message.nested_type.add(name=name)
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, label=_Proto.LABEL_OPTIONAL, type=_Proto.TYPE_STRING)
    _set_type(schema, entry.field.add(name="value", number=2, label=_Proto.LABEL_OPTIONAL), value)


def _set_type(schema: Schema, field: Any, kind: str) -> None:
    if kind[0].isupper():
        field.type = _Proto.TYPE_ENUM if kind in schema.enums else _Proto.TYPE_MESSAGE
        field.type_name = f".{schema.package}.{kind}"
    else:
        field.type = getattr(_Proto, f"TYPE_{kind.upper()}")


def _add_service(schema: Schema, file: Any) -> None:
    service = file.service.add(name=schema.service)
    for method in schema.methods.split(","):
        name, takes, gives = method.split()
        service.method.add(
            name=name,
            input_type=f".{schema.package}.{takes.lstrip('*')}",
            output_type=f".{schema.package}.{gives.lstrip('*')}",
            client_streaming=takes[0] == "*",
            server_streaming=gives[0] == "*",
        )
