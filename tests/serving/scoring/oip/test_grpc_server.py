"""The gRPC port of a real scoring process, under what no client sends."""

import socket
from collections.abc import Callable
from typing import Any

import pytest
import tritonclient.grpc

from tests.serving.clients.raw_http2 import call_with
from tests.serving.edge.edge import eventually


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
