"""gRPC's server reflection, v1 and v1alpha: what grpcurl and its like ask before they call.

The files come from our private pools: nothing is registered in the default one, where a user's script may have others.
"""

from __future__ import annotations

from typing import Any, Dict, Sequence

from .grpc_messages import Schema, message_classes, service_file
from .grpc_wire import decompressed, parsed

VERSIONS = ("grpc.reflection.v1", "grpc.reflection.v1alpha")
REFLECTION_SERVICES = tuple(f"{package}.ServerReflection" for package in VERSIONS)
INVALID_ARGUMENT, NOT_FOUND = 3, 5  # numbers of grpc's statuses
MAX_REQUEST_BYTES = 1 << 16

_MESSAGES = {
    "ServerReflectionRequest": (
        "string host 1, string file_by_filename|message_request 3, string file_containing_symbol|message_request 4,"
        "ExtensionRequest file_containing_extension|message_request 5,"
        "string all_extension_numbers_of_type|message_request 6, string list_services|message_request 7"
    ),
    "ExtensionRequest": "string containing_type 1, int32 extension_number 2",
    "ServerReflectionResponse": (
        "string valid_host 1, ServerReflectionRequest original_request 2,"
        "FileDescriptorResponse file_descriptor_response|message_response 4,"
        "ExtensionNumberResponse all_extension_numbers_response|message_response 5,"
        "ListServiceResponse list_services_response|message_response 6, ErrorResponse error_response|message_response 7"
    ),
    "FileDescriptorResponse": "*bytes file_descriptor_proto 1",
    "ExtensionNumberResponse": "string base_type_name 1, *int32 extension_number 2",
    "ListServiceResponse": "*ServiceResponse service 1",
    "ServiceResponse": "string name 1",
    "ErrorResponse": "int32 error_code 1, string error_message 2",
}
_METHODS = "ServerReflectionInfo *ServerReflectionRequest *ServerReflectionResponse"
REFLECTION = tuple(Schema(package, _MESSAGES, {}, "ServerReflection", _METHODS) for package in VERSIONS)


class Reflection:
    """Describes ``schemas``, and reflection itself."""

    def __init__(self, schemas: Sequence[Schema]) -> None:
        files = [service_file(schema) for schema in (*schemas, *REFLECTION)]
        self._files = {file.name: file.SerializeToString() for file in files}
        self._symbols: Dict[str, str] = {}  # full name → its file's
        for file in files:
            self._add_file(file)
        self._services = sorted(f"{file.package}.{service.name}" for file in files for service in file.service)
        self._messages = {f"{schema.package}.{schema.service}": message_classes(schema) for schema in REFLECTION}

    def answer(self, service: str, message: bytes) -> bytes:
        """Answer a ServerReflectionRequest of ``service``, which is one of REFLECTION_SERVICES.

        Raises:
            InvalidInput: it is none.
        """
        messages = self._messages[service]
        request = parsed(decompressed(message, MAX_REQUEST_BYTES), messages["ServerReflectionRequest"])
        answer = messages["ServerReflectionResponse"](valid_host=request.host, original_request=request)
        kind = request.WhichOneof("message_request") or ""
        asked = getattr(request, kind) if kind else None
        if kind == "list_services":
            for name in self._services:
                answer.list_services_response.service.add(name=name)
        elif kind == "file_by_filename" and asked in self._files:
            answer.file_descriptor_response.file_descriptor_proto.append(self._files[asked])
        elif kind == "file_containing_symbol" and asked in self._symbols:
            answer.file_descriptor_response.file_descriptor_proto.append(self._files[self._symbols[asked]])
        elif kind == "all_extension_numbers_of_type" and asked in self._symbols:
            answer.all_extension_numbers_response.base_type_name = asked
        else:
            answer.error_response.error_code = NOT_FOUND if kind else INVALID_ARGUMENT
            answer.error_response.error_message = (
                f"not found: {str(asked).strip()[:200]}" if kind else "nothing is asked"
            )
        return bytes(answer.SerializeToString())

    def _add_file(self, file: Any) -> None:
        for message in (*file.message_type, *file.enum_type):
            self._add(file.package, message, file.name)
        for service in file.service:
            self._add(file.package, service, file.name)
            for method in service.method:
                self._add(f"{file.package}.{service.name}", method, file.name)

    def _add(self, outer: str, described: Any, file: str) -> None:
        name = f"{outer}.{described.name}"
        self._symbols[name] = file
        for nested in (*getattr(described, "nested_type", ()), *getattr(described, "enum_type", ())):
            self._add(name, nested, file)
