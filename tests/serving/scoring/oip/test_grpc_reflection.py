"""Health and reflection of a scoring process, by the field's own clients."""

import asyncio
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from serving.scoring.oip.grpc_health import HEALTH, Health
from serving.scoring.oip.grpc_messages import TRITON, message_classes
from serving.scoring.oip.grpc_reflection import REFLECTION, REFLECTION_SERVICES, Reflection

HEALTH_MESSAGES = message_classes(HEALTH)
SERVING, NOT_SERVING, SERVICE_UNKNOWN = 1, 2, 3


def health_request(service: str) -> bytes:
    return bytes(HEALTH_MESSAGES["HealthCheckRequest"](service=service).SerializeToString())


def status_in(message: bytes) -> int:
    return int(HEALTH_MESSAGES["HealthCheckResponse"].FromString(message).status)


@pytest.fixture
def served(start: Callable[..., Any], linear: bytes) -> Any:
    return start(model=linear)


def test_a_scoring_process_says_how_it_is(served: Any) -> None:
    with grpc.insecure_channel(served.grpc) as channel:
        check = channel.unary_unary("/grpc.health.v1.Health/Check")
        for service in ("", "inference.GRPCInferenceService", "linear", "LINEAR"):
            assert status_in(check(health_request(service), timeout=10)) == SERVING
        with pytest.raises(grpc.RpcError) as raised:
            check(health_request("other"), timeout=10)
        assert (raised.value.code(), raised.value.details()) == (
            grpc.StatusCode.NOT_FOUND,
            "there is no service 'other'",
        )
        with pytest.raises(grpc.RpcError) as raised:
            check(b"\xff\xff", timeout=10)
        assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_who_watches_is_told_of_the_drain(served: Any) -> None:
    with grpc.insecure_channel(served.grpc) as channel:
        watch = channel.unary_stream("/grpc.health.v1.Health/Watch")
        known, unknown = watch(health_request("linear"), timeout=30), watch(health_request("other"), timeout=30)
        assert (status_in(next(known)), status_in(next(unknown))) == (SERVING, SERVICE_UNKNOWN)
        served.child.terminate()
        assert [status_in(message) for message in known] == [NOT_SERVING]
        assert list(unknown) == []
    assert served.child.wait(4) == 0, "a watcher held up the drain"


def test_who_is_being_told_while_the_drain_begins_is_told_of_it_too() -> None:
    async def told() -> list[int]:
        serving = True
        health = Health(lambda service: serving)
        heard = []
        async for message in health.watch(health_request("linear")):
            heard.append(status_in(message))
            if serving:  # the first message is still on its way
                serving = False
                health.end()
        return heard

    assert asyncio.run(told()) == [SERVING, NOT_SERVING]


def test_only_the_edge_is_answered_where_there_is_a_secret(start: Callable[..., Any], linear: bytes) -> None:
    served = start(model=linear, environment={"SLIPWAY_EDGE_SECRET": "the-secret-of-the-tests"})
    with grpc.insecure_channel(served.grpc) as channel:
        asked = [
            channel.stream_stream(path)(iter([b""]), timeout=10)
            for path in (
                "/grpc.health.v1.Health/Check",
                "/grpc.health.v1.Health/Watch",
                "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
                "/inference.GRPCInferenceService/ModelStreamInfer",
            )
        ]
        for call in asked:
            with pytest.raises(grpc.RpcError):
                next(call)
            assert call.code() is grpc.StatusCode.PERMISSION_DENIED


def test_a_stranger_can_call_by_reflection_alone(served: Any) -> None:
    with grpc.insecure_channel(served.grpc) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        assert set(database.get_services()) == {
            "inference.GRPCInferenceService",
            "grpc.health.v1.Health",
            *REFLECTION_SERVICES,
        }
        service = DescriptorPool(database).FindServiceByName("inference.GRPCInferenceService")
        method = service.methods_by_name["ModelStreamInfer"]
        assert (method.client_streaming, method.server_streaming) == (True, True)
        assert method.output_type.fields_by_name["infer_response"].message_type.name == "ModelInferResponse"


@pytest.mark.parametrize(("service", "schema"), list(zip(REFLECTION_SERVICES, REFLECTION, strict=True)))
def test_reflection_answers_each_kind_of_question(service: str, schema: Any) -> None:
    messages = message_classes(schema)
    reflection = Reflection([TRITON])

    def ask(**question: Any) -> Any:
        request = messages["ServerReflectionRequest"](host="h", **question)
        answer = messages["ServerReflectionResponse"].FromString(
            reflection.answer(service, request.SerializeToString())
        )
        assert (answer.valid_host, answer.original_request) == ("h", request)
        return answer

    for symbol in ("inference.ModelConfig", "inference.ModelInput.Format", "inference.GRPCInferenceService.ModelInfer"):
        assert len(ask(file_containing_symbol=symbol).file_descriptor_response.file_descriptor_proto) == 1
    assert ask(file_by_filename="slipway/inference.proto").file_descriptor_response.file_descriptor_proto
    numbers = ask(all_extension_numbers_of_type="inference.ModelInferRequest").all_extension_numbers_response
    assert numbers.base_type_name == "inference.ModelInferRequest"
    for question in (
        {"file_containing_symbol": "inference.Nothing"},
        {"file_by_filename": "nothing.proto"},
        {"file_containing_extension": {"containing_type": "inference.ModelInferRequest", "extension_number": 1}},
        {"all_extension_numbers_of_type": "nothing"},
    ):
        assert ask(**question).error_response.error_code == 5
    assert ask().error_response.error_code == 3
