"""What the agent's own server answers at the edge's gRPC port: calls that name no endpoint, and those in disguise."""

from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
import tritonclient.grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from tritonclient.grpc import service_pb2

from serving.scoring.oip.grpc_health import HEALTH
from serving.scoring.oip.grpc_messages import message_classes

BLUE, KEY = "cancer.blue.1", "a-key-of-the-tests"
METADATA = (("authorization", f"Bearer {KEY}"),)
INFER = "/inference.GRPCInferenceService/ModelInfer"
STREAM = "/inference.GRPCInferenceService/ModelStreamInfer"
health = message_classes(HEALTH)


@pytest.fixture
def channel(edge: Any, controller: Any, replica: Callable[..., Any], make: Any) -> Iterator[Any]:
    endpoints = [make.endpoint("Cancer", blue=10000), make.endpoint("Idle", blue=10000)]
    controller.publish(make.table(1, endpoints, [make.backend(BLUE, replica("b0").server)]))
    channel = grpc.insecure_channel(f"127.0.0.1:{edge.grpc_port}", options=[("grpc.max_send_message_length", -1)])
    yield channel
    channel.close()


def infer(name: str, padding: int = 0) -> Any:
    return service_pb2.ModelInferRequest(model_name=name, raw_input_contents=[bytes(padding)])


def test_a_client_without_a_key_sees_a_live_server(channel: Any, edge: Any) -> None:
    with tritonclient.grpc.InferenceServerClient(f"127.0.0.1:{edge.grpc_port}") as client:
        assert client.is_server_live()
        assert client.is_server_ready()
        assert client.get_server_metadata().name == "slipway"
        assert not client.get_system_shared_memory_status().regions
        client.unregister_system_shared_memory()
        client.unregister_cuda_shared_memory()
        assert client.get_log_settings().settings["log_info"].bool_param


def test_the_repository_is_what_the_key_opens(channel: Any, edge: Any) -> None:
    with tritonclient.grpc.InferenceServerClient(f"127.0.0.1:{edge.grpc_port}") as client:
        index = client.get_model_repository_index(headers=dict(METADATA))
        assert [(one.name, one.version, one.state) for one in index.models] == [
            ("Cancer", "1", "READY"),
            ("Idle", "1", "UNAVAILABLE"),
        ]
        for headers in ({}, {"authorization": "Bearer wrong"}):
            with pytest.raises(tritonclient.grpc.InferenceServerException) as raised:
                client.get_model_repository_index(headers=headers)
            assert raised.value.status() == "StatusCode.UNAUTHENTICATED"


def check(channel: Any, service: str, metadata: Any = ()) -> int:
    request = health["HealthCheckRequest"](service=service).SerializeToString()
    answer = channel.unary_unary("/grpc.health.v1.Health/Check")(request, metadata=metadata, timeout=10)
    return int(health["HealthCheckResponse"].FromString(answer).status)


def test_health_is_that_of_the_edge_unless_an_endpoint_is_named(channel: Any) -> None:
    assert check(channel, "") == 1
    assert check(channel, "inference.GRPCInferenceService") == 1
    with pytest.raises(grpc.RpcError) as raised:
        check(channel, "nope")
    assert raised.value.code() is grpc.StatusCode.NOT_FOUND
    with pytest.raises(grpc.RpcError) as raised:
        check(channel, "cancer")
    assert raised.value.code() is grpc.StatusCode.UNAUTHENTICATED
    watch = channel.unary_stream("/grpc.health.v1.Health/Watch")(b"", timeout=10)
    assert health["HealthCheckResponse"].FromString(next(watch)).status == 1
    watch.cancel()


def test_metadata_that_names_no_endpoint_is_not_found_whatever_is_called(channel: Any) -> None:
    methods = [f"inference.GRPCInferenceService/Server{what}" for what in ("Live", "Ready", "Metadata")]
    methods += ["grpc.health.v1.Health/Check", "grpc.health.v1.Health/Watch"]
    metadata = [*METADATA, ("endpoint", "nope")]
    for method in methods:
        for message in (b"", health["HealthCheckRequest"](service="cancer").SerializeToString()):
            with pytest.raises(grpc.RpcError) as raised:
                next(channel.unary_stream(f"/{method}")(message, metadata=metadata, timeout=10))
            assert raised.value.code() is grpc.StatusCode.NOT_FOUND
            assert "'nope'" in raised.value.details()


def test_reflection_shows_the_services(channel: Any) -> None:
    database = ProtoReflectionDescriptorDatabase(channel)
    assert "inference.GRPCInferenceService" in database.get_services()
    file = database.FindFileContainingSymbol("inference.GRPCInferenceService")
    assert "ModelStreamInfer" in [method.name for method in file.service[0].method]


@pytest.mark.parametrize("compression", [grpc.Compression.Gzip, grpc.Compression.Deflate])
def test_compressed_messages_find_their_endpoint(channel: Any, telemetry: Any, edge: Any, compression: Any) -> None:
    ask = channel.unary_unary(INFER, service_pb2.ModelInferRequest.SerializeToString)
    for padding in (100, 1_000_000):
        message = infer("cancer", padding)
        answer, call = ask.with_call(message, metadata=METADATA, compression=compression, timeout=10)
        assert answer == b"b0"
        assert dict(call.initial_metadata())["azureml-model-deployment"] == "blue"
    rows = edge.eventually(lambda: [r for r in telemetry.rows() if r["endpoint"] == "Cancer"][1:] and telemetry.rows())
    assert [row["endpoint"] for row in rows if row["frontend"] == "grpc"] == ["Cancer"] * 2
    with pytest.raises(grpc.RpcError) as raised:
        ask(infer("nope", 100), metadata=METADATA, compression=compression, timeout=10)
    assert raised.value.code() is grpc.StatusCode.NOT_FOUND
    with pytest.raises(grpc.RpcError) as raised:
        ask(infer("cancer", 100), compression=compression, timeout=10)
    assert raised.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_a_name_behind_a_long_message_is_found(channel: Any) -> None:
    tail = service_pb2.ModelInferRequest(model_name="cancer").SerializeToString()
    body = service_pb2.ModelInferRequest(raw_input_contents=[bytes(100_000)]).SerializeToString()
    assert channel.unary_unary(INFER)(body + tail, metadata=METADATA, timeout=10) == b"b0"


def test_a_compressed_bomb_is_refused(channel: Any) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        channel.unary_unary(INFER)(bytes(200 << 20), metadata=METADATA, compression=grpc.Compression.Gzip, timeout=20)
    assert raised.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_killed_agent_takes_only_its_own_calls_along(channel: Any, edge: Any) -> None:
    assert check(channel, "") == 1
    edge.kill_agent()
    assert channel.unary_unary(INFER)(infer("cancer").SerializeToString(), metadata=METADATA, timeout=10) == b"b0"
    with pytest.raises(grpc.RpcError) as raised:
        check(channel, "")
    assert raised.value.code() is grpc.StatusCode.UNAVAILABLE
    edge.start()
    assert check(channel, "") == 1
