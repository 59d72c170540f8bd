"""The gRPC port of a real scoring process, under what no client sends."""

import socket
from collections.abc import Callable
from typing import Any

import grpc
import pytest
import tritonclient.grpc

from tests.serving.clients.raw_http2 import call_with
from tests.serving.edge.edge import eventually
from tests.serving.scoring.process import Process


def is_ready(process: Any) -> bool:
    with tritonclient.grpc.InferenceServerClient(process.grpc) as client:
        try:
            return bool(client.is_model_ready("linear"))
        except tritonclient.grpc.InferenceServerException:
            return False


@pytest.mark.parametrize("path", [b"/inference.GRPCInferenceService/Mo\xed\xa0\x80Infer", b"/\xff", b"", b"\x00"])
def test_a_path_of_any_bytes_takes_the_port_from_nobody(start: Callable[..., Any], linear: bytes, path: bytes) -> None:
    process = start(model=linear)
    host, port = process.grpc.split(":")
    with tritonclient.grpc.InferenceServerClient(process.grpc) as before:
        assert before.is_server_live()
        for _ in range(3):
            with socket.create_connection((host, int(port)), timeout=5) as hostile:
                hostile.sendall(call_with(path))
                hostile.settimeout(0.2)
                try:
                    while hostile.recv(1000):
                        pass
                except (TimeoutError, ConnectionError):
                    pass
            assert eventually(lambda: is_ready(process))
    assert process.child.poll() is None


@pytest.mark.parametrize(
    "given",
    [b"\xc3\xa9", b"\xff\xfe", b"a\tb", b"\x7f", b"r" * 101],
    ids=["UTF-8", "no UTF-8", "a tab", "DEL", "101 characters"],
)
@pytest.mark.parametrize("method", [b"ServerLive", b"ModelStreamInfer"])
def test_an_id_that_no_trailer_brings_back_is_refused(linear_process: Process, method: bytes, given: bytes) -> None:
    host, port = linear_process.grpc.split(":")
    answer = b""
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(call_with(b"/inference.GRPCInferenceService/" + method, {b"x-request-id": given}))
        while b"grpc-message" not in answer:
            piece = connection.recv(10_000)
            assert piece, answer
            answer += piece
    assert b"x-request-id must be at most 100 printable ASCII characters" in answer
    assert b"grpc-status\x013" in answer, answer
    assert given not in answer


def test_an_id_of_100_characters_comes_back(linear_process: Process) -> None:
    with grpc.insecure_channel(linear_process.grpc) as channel:
        ask = channel.unary_unary("/inference.GRPCInferenceService/ServerLive")
        _, call = ask.with_call(b"", metadata=[("x-request-id", "r" * 99 + "~")], timeout=10)
    assert dict(call.trailing_metadata())["x-request-id"] == "r" * 99 + "~"
