"""Our messages beside tritonclient's in one process: the same on the wire, in a pool of their own."""

from typing import Any

import pytest
from google.protobuf import descriptor_pool
from tritonclient.grpc import model_config_pb2, service_pb2

from serving.scoring.oip.grpc_messages import message_classes, service_file
from serving.scoring.oip.grpc_schema import ENUMS

MESSAGES = message_classes()


def theirs(path: str) -> Any:
    outer, *inner = path.split(".")
    found = getattr(service_pb2, outer, None) or getattr(model_config_pb2, outer)
    for name in inner:
        found = getattr(found, name)
    return found


def fields_of(message: Any) -> dict[str, Any]:
    return {field.name: described(field) for field in message.DESCRIPTOR.fields}


def described(field: Any) -> tuple[Any, ...]:
    kind = field.message_type or field.enum_type
    oneof = field.containing_oneof.name if field.containing_oneof else None
    return field.number, field.type, field.is_repeated, kind.full_name if kind else None, oneof


def test_every_message_of_the_service_is_here_with_every_field() -> None:
    for name in service_pb2.DESCRIPTOR.message_types_by_name:
        assert fields_of(MESSAGES[name]) == fields_of(theirs(name)), name


@pytest.mark.parametrize("path", MESSAGES)
def test_a_message_is_the_same_on_the_wire_as_tritonclients(path: str) -> None:
    ours = fields_of(MESSAGES[path])
    assert ours == {name: field for name, field in fields_of(theirs(path)).items() if name in ours}
    for name, entry in MESSAGES[path].DESCRIPTOR.nested_types_by_name.items():
        if entry.GetOptions().map_entry:
            their_entry = theirs(path).DESCRIPTOR.nested_types_by_name[name]
            assert [described(field) for field in entry.fields] == [described(field) for field in their_entry.fields]


@pytest.mark.parametrize("path", ENUMS)
def test_an_enum_has_tritons_values(path: str) -> None:
    enum = theirs(path)
    assert ENUMS[path].split() == [enum.Name(number) for number in range(len(enum.keys()))]


def test_the_service_has_the_methods_of_tritons() -> None:
    ours, their = service_file().service[0], service_pb2.DESCRIPTOR.services_by_name["GRPCInferenceService"]
    shapes = [(m.name, m.input_type, m.output_type, m.client_streaming, m.server_streaming) for m in ours.method]
    assert sorted(shapes) == sorted(
        (m.name, f".{m.input_type.full_name}", f".{m.output_type.full_name}", m.client_streaming, m.server_streaming)
        for m in their.methods
    )


def test_a_users_import_of_tritonclient_meets_none_of_our_messages() -> None:
    theirs_by_name = descriptor_pool.Default().FindMessageTypeByName("inference.ModelInferRequest")
    assert theirs_by_name is service_pb2.ModelInferRequest.DESCRIPTOR
    assert MESSAGES["ModelInferRequest"].DESCRIPTOR is not theirs_by_name
