"""Streams of arbitrary messages, and unary calls with arbitrary bytes, at the port and through an edge."""

import os
import struct
import time
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tritonclient.grpc import service_pb2

from tests.serving.clients.places import Place
from tests.serving.clients.scoring_calls import STREAM, good

EXAMPLES = int(os.environ.get("SLIPWAY_FUZZ_EXAMPLES", "150"))
METHODS = ("ModelInfer", "ModelReady", "ModelMetadata", "ModelConfig", "ModelStatistics", "TraceSetting", "LogSettings")
# What a client can be blamed for.
BLAMED = {"INVALID_ARGUMENT", "NOT_FOUND", "UNIMPLEMENTED", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED"}


@pytest.fixture
def channel(linear_at: Place) -> Iterator[Any]:
    with grpc.insecure_channel(linear_at.grpc, options=[("grpc.max_metadata_size", 1 << 20)]) as channel:
        yield channel


contents = st.binary(max_size=100) | st.builds(
    lambda at, byte: good()[:at] + bytes([byte]) + good()[at + 1 :],
    st.integers(0, len(good()) - 1),
    st.integers(0, 255),
)


@settings(max_examples=max(EXAMPLES // 5, 1), deadline=None, suppress_health_check=list(HealthCheck))
@given(messages=st.lists(contents | st.just(good()), max_size=6))
def test_fuzz_streams_of_any_messages_are_answered_one_by_one(
    linear_at: Place, channel: Any, messages: list[bytes]
) -> None:
    metadata = (*linear_at.metadata, ("endpoint", "linear"))
    call = channel.stream_stream(STREAM, None, service_pb2.ModelStreamInferResponse.FromString)(
        iter(messages), metadata=metadata, timeout=20
    )
    answers = list(call)
    assert call.code() is grpc.StatusCode.OK
    assert len(answers) == len(messages)
    for message, answer in zip(messages, answers, strict=True):
        assert "internal error" not in answer.error_message
        if message == good():
            assert answer.infer_response.raw_output_contents == [struct.pack("<f", -6.5)]


@settings(max_examples=max(EXAMPLES // 3, 1), deadline=None, suppress_health_check=list(HealthCheck))
@given(
    method=st.sampled_from(METHODS),
    content=contents,
)
def test_fuzz_unary_calls_with_any_bytes_are_answered(
    linear_at: Place, channel: Any, method: str, content: bytes
) -> None:
    began = time.monotonic()
    try:
        channel.unary_unary(f"/inference.GRPCInferenceService/{method}")(
            content, metadata=linear_at.metadata, timeout=20
        )
    except grpc.RpcError as error:
        assert error.code().name in BLAMED, error
    assert time.monotonic() - began < 10
