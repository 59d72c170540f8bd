"""The edge's gRPC port, with the real grpcio client."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from msgspec.structs import replace

from tests.serving.clients.raw_http2 import call_with

BLUE, GREEN = "cancer.blue.1", "cancer.green.1"
KEY = "a-key-of-the-tests"
SERVICE = "/inference.GRPCInferenceService/"
INFER = f"{SERVICE}ModelInfer"


def named(model: str, *, version: str = "", rest: bytes = b"") -> bytes:
    """A ModelInferRequest as bytes: model_name is field 1, model_version field 2."""
    encoded = b"\x0a" + bytes([len(model)]) + model.encode()
    return encoded + (b"\x12" + bytes([len(version)]) + version.encode() if version else b"") + rest


@pytest.fixture
def call(edge: Any, controller: Any, replica: Callable[..., Any], make: Any) -> Iterator[Callable[..., Any]]:
    """``call(message, **metadata)`` with a valid key; ``key=None`` sends none."""
    blue, green = replica("b0", BLUE), replica("g0", GREEN)
    backends = [make.backend(BLUE, blue.server), make.backend(GREEN, green.server)]
    controller.publish(make.table(1, [make.endpoint("Cancer", blue=10000, green=0)], backends))
    channel = grpc.insecure_channel(f"127.0.0.1:{edge.grpc_port}")

    def do(message: bytes, method: str = INFER, key: str | None = KEY, **metadata: str) -> str:
        pairs = [(name.replace("_", "-"), value) for name, value in metadata.items()]
        pairs += [("authorization", f"Bearer {key}")] if key else []
        return str(channel.unary_unary(method)(message, metadata=pairs, timeout=10).decode())

    do.blue, do.edge = blue, edge  # type: ignore[attr-defined]
    yield do
    channel.close()


def refused(call: Callable[..., Any], *arguments: Any, **metadata: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as caught:
        call(*arguments, **metadata)
    return caught.value.code(), caught.value.details()


def test_the_endpoint_is_read_from_the_message_or_the_metadata(call: Any) -> None:
    assert call(named("CANCER")) == "b0"
    assert call(named("cancer", rest=b"\x1a\x02id" + b"\x3a\xff\xff\x01" + b"z" * 32767)) == "b0"
    assert call(named("cancer", rest=b"\x3a\x80\x80\x80\x01" + b"z" * (1 << 21))) == "b0"
    assert call(b"\xff\xff", endpoint="Cancer") == "b0"
    metadata = call.blue.calls[0]
    assert metadata["x-slipway-edge"] == "the-secret-of-the-tests"
    assert "authorization" not in metadata


def test_the_repositorys_calls_and_trace_settings_have_the_name_in_their_second_field(call: Any) -> None:
    load = b"\x12\x06cancer"
    assert call(load, f"{SERVICE}RepositoryModelLoad") == "b0"
    assert call(load, f"{SERVICE}RepositoryModelUnload") == "b0"
    setting = b"\x0a\x07\x0a\x05level"
    assert call(setting + load, f"{SERVICE}TraceSetting") == "b0"


def test_the_authority_names_the_endpoint_where_nothing_else_does(call: Any) -> None:
    def ask(authority: str, message: bytes, *metadata: tuple[str, str]) -> str:
        options = [("grpc.default_authority", authority)]
        with grpc.insecure_channel(f"127.0.0.1:{call.edge.grpc_port}", options=options) as channel:
            pairs = [("authorization", f"Bearer {KEY}"), *metadata]
            return str(channel.unary_unary(INFER)(message, metadata=pairs, timeout=10).decode())

    assert ask("cancer.models.example", b"") == "b0"
    assert ask("Cancer.models.example:8001", named("other")) == "b0"
    assert ask("other.models.example", named("cancer")) == "b0"
    for authority in ("other.models.example", "cancer", "cancer.127"):
        with pytest.raises(grpc.RpcError):
            ask(authority, named("other"))


def test_override_and_model_version_choose_the_deployment(call: Any) -> None:
    assert call(named("cancer"), azureml_model_deployment="green") == "g0"
    assert call(named("cancer", version="2")) == "g0"
    assert refused(call, named("cancer", version="7"))[0] is grpc.StatusCode.NOT_FOUND


def test_what_cannot_be_routed_has_a_grpc_status_and_a_helpful_message(call: Any) -> None:
    code, message = refused(call, named("nope"))
    assert (code, "nope" in message) == (grpc.StatusCode.NOT_FOUND, True)
    assert refused(call, named("cancer"), key=None)[0] is grpc.StatusCode.UNAUTHENTICATED
    assert refused(call, named("cancer"), key="wrong")[0] is grpc.StatusCode.UNAUTHENTICATED
    code, message = refused(call, b"")
    assert (code, "model_name" in message) == (grpc.StatusCode.INVALID_ARGUMENT, True)
    assert refused(call, b"\xff\xff\xff")[0] is grpc.StatusCode.INVALID_ARGUMENT
    assert refused(call, b"", key=None)[0] is grpc.StatusCode.UNAUTHENTICATED
    code, message = refused(call, b"\x12\x04nope", f"{SERVICE}RepositoryModelLoad")
    assert (code, "failed to load 'nope'" in message) == (grpc.StatusCode.NOT_FOUND, True)
    code, message = refused(call, b"", "/some.Service/Method")
    assert (code, "no such method" in message) == (grpc.StatusCode.UNIMPLEMENTED, True)


def test_a_replicas_own_error_passes_and_no_replica_is_unavailable(call: Any, telemetry: Any) -> None:
    code, message = refused(call, named("cancer", rest=b"fail"))
    assert (code, message) == (grpc.StatusCode.INVALID_ARGUMENT, "no such input")
    call.blue.close()
    assert refused(call, named("cancer"))[0] is grpc.StatusCode.UNAVAILABLE
    rows = call.edge.eventually(
        lambda: (
            [r for r in telemetry.rows() if r["frontend"] == "grpc"][1:]
            and [r for r in telemetry.rows() if r["frontend"] == "grpc"]
        )
    )
    assert [(row["status"], row["grpc_status"]) for row in rows] == [("200", "3"), ("200", "14")]
    assert (rows[0]["server"], rows[0]["endpoint"], rows[0]["deployment"]) == ("b0", "Cancer", "blue")


def test_a_path_that_is_no_text_never_reaches_a_replica(call: Callable[..., Any]) -> None:
    """It would end grpc.aio's server there."""
    host, port = "127.0.0.1", call.edge.grpc_port  # type: ignore[attr-defined]
    own = {b"endpoint": b"cancer", b"authorization": f"Bearer {KEY}".encode()}
    with socket.create_connection((host, port), timeout=5) as hostile:
        hostile.sendall(call_with(b"/inference.GRPCInferenceService/Mo\xed\xa0\x80Infer", own, body=named("cancer")))
        answer = b""
        while b"there is no such method" not in answer:
            part = hostile.recv(4096)
            assert part, answer
            answer += part
    assert call.blue.calls == []  # type: ignore[attr-defined]
    assert call(named("cancer")) == "b0"


class Closing:
    """A replica that closes each connection as soon as a call has come."""

    def __init__(self) -> None:
        self.calls = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                with connection:
                    connection.recv(1 << 16)
                    self.calls += 1

    def close(self) -> None:
        self._listener.close()


def test_a_call_is_repeated_on_another_replica_when_one_closes_without_an_answer(
    edge: Any, controller: Any, replica: Callable[..., Any], make: Any
) -> None:
    good, bad, closing = replica("good"), replica("bad"), Closing()
    dying = replace(bad.server, grpc_address=closing.address)
    backend = make.backend(BLUE, good.server, dying)
    controller.publish(make.table(1, [make.endpoint("Cancer", blue=10000)], [backend]))
    with grpc.insecure_channel(f"127.0.0.1:{edge.grpc_port}") as channel:
        sizes = [10, 20_000]
        while sizes:
            size, calls = sizes[0], closing.calls
            tail = b"\x3a" + bytes([size % 128 + 128, size // 128 % 128 + 128, size >> 14]) + b"z" * size
            answer = channel.unary_unary(INFER)(
                named("cancer", rest=tail), metadata=[("authorization", f"Bearer {KEY}")], timeout=10
            )
            assert answer == b"good"
            del sizes[: closing.calls - calls]  # having refused one it is left out until its next check
    closing.close()
