"""Any message at ModelInfer and the methods beside it: an answer, or the client's mistake."""

from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.scoring.errors import InvalidInput
from serving.scoring.oip.grpc_codec import decode_request
from serving.scoring.oip.grpc_messages import message_classes
from serving.scoring.oip.grpc_schema import UNARY_METHODS
from tests.effort import effort
from tests.serving.scoring.process import Process
from tests.serving.scoring.splices import SPLICES, spliced

MESSAGES = message_classes()
REQUEST = MESSAGES["ModelInferRequest"]
CLIENTS_MISTAKES = (
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.UNIMPLEMENTED,  # shared memory, unloading
)
TENSOR = {"name": "x", "datatype": "FP32", "shape": [1, 3]}

parameter = st.fixed_dictionaries({}) | st.sampled_from(
    [{"int64_param": -1}, {"int64_param": 2**62}, {"bool_param": True}, {"string_param": "a"}, {"double_param": 1.5}]
)
parameters = st.dictionaries(
    st.sampled_from(["classification", "timeout", "shared_memory_region", "mine"]), parameter, max_size=2
)
inputs = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.sampled_from(["a", "b"]),
            "datatype": st.sampled_from(["FP32", "INT8", "UINT64", "BYTES", "BOOL", "FP16", "BF16", "X"]),
            "shape": st.lists(st.integers(-1, 3), max_size=2),
            "parameters": parameters,
            "contents": st.fixed_dictionaries(
                {},
                optional={
                    "int_contents": st.lists(st.integers(-(2**31), 2**31 - 1), max_size=4),
                    "uint64_contents": st.lists(st.integers(0, 2**64 - 1), max_size=4),
                    "bool_contents": st.lists(st.booleans(), max_size=4),
                    "fp32_contents": st.lists(st.floats(width=32), max_size=4),
                    "bytes_contents": st.lists(st.binary(max_size=3), max_size=4),
                },
            ),
        }
    ),
    max_size=3,
)


@effort(300)
@given(inputs=inputs, raw=st.lists(st.binary(max_size=20), max_size=3))
def test_any_request_is_read_or_refused(inputs: Any, raw: list[bytes]) -> None:
    try:
        read = decode_request(REQUEST(inputs=inputs, raw_input_contents=raw), None)
    except InvalidInput:
        return
    assert len(read) == len(inputs)


def good_message() -> bytes:
    typed = REQUEST(
        model_name="linear",
        inputs=[{**TENSOR, "contents": {"fp32_contents": [1.0, 2.0, 3.0]}}],
        outputs=[{"name": "y", "parameters": {"classification": {"int64_param": 1}}}],
        parameters={"timeout": {"int64_param": 10**6}},
        id="a",
    )
    return bytes(typed.SerializeToString())


def message(shape: list[int], raw: list[bytes], parameters: Any, outputs: Any) -> bytes:
    tensor = {**TENSOR, "shape": shape}
    built = REQUEST(
        model_name="linear",
        inputs=[tensor],
        raw_input_contents=raw,
        outputs=[{"name": "y", "parameters": outputs}],
        parameters={name: value for name, value in parameters.items() if value != {"int64_param": 2**62}},
    )
    return bytes(built.SerializeToString())


messages = st.one_of(
    st.binary(max_size=100),
    SPLICES.map(lambda changes: spliced(good_message(), changes)),
    st.builds(
        message,
        st.lists(st.sampled_from([-1, 0, 1, 3, 2**62]), max_size=70),
        st.lists(st.binary(max_size=12), max_size=2),
        parameters,
        parameters,
    ),
    st.builds(message, st.just([1, 3]), st.just([b"\0" * 12]), parameters, parameters),
)


@pytest.fixture(scope="module")
def channel(linear_process: Process) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(linear_process.grpc) as channel:
        yield channel


@pytest.fixture
def call(channel: grpc.Channel) -> Callable[[str, bytes], Any]:
    def ask(method: str, content: bytes) -> Any:
        try:
            return channel.unary_unary(f"/inference.GRPCInferenceService/{method}")(content, timeout=10)
        except grpc.RpcError as error:
            assert error.code() in CLIENTS_MISTAKES, error.details()

    return ask


def test_the_message_that_is_right_is_answered(call: Callable[[str, bytes], Any]) -> None:
    assert call("ModelInfer", good_message())


@effort(300)
@given(content=messages)
def test_any_message_is_answered(call: Callable[[str, bytes], Any], content: bytes) -> None:
    call("ModelInfer", content)


@pytest.mark.parametrize("method", UNARY_METHODS.split())
@effort(40)
@given(content=st.binary(max_size=60) | SPLICES.map(lambda changes: spliced(b"\x0a\x06linear\x12\x017", changes)))
def test_any_message_is_answered_beside_inference(
    call: Callable[[str, bytes], Any], method: str, content: bytes
) -> None:
    call(method, content)
