"""Any bytes at any door of an ONNX model are an answer or the client's mistake: no 5xx, no INTERNAL, no wait."""

import json
import struct
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from onnx import TensorProto

from serving.scoring.errors import InvalidInput
from serving.scoring.oip.grpc_codec import decode_request
from serving.scoring.oip.grpc_messages import message_classes
from tests.effort import effort

Ask = Callable[..., Any]
PATHS = ["/score", "/invocations", "/v2/models/linear/infer", "/v1/models/linear:predict"]
REQUEST = message_classes()["ModelInferRequest"]
FEW = effort()

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["f", "i", "s", "u"]), inner, max_size=3)
    ),
    max_leaves=12,
)
tensors = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["f", "i", "s", "u", "z"]),
        "datatype": st.sampled_from(["FP32", "INT64", "BYTES", "UINT8", "FP16", "X"]),
        "shape": st.lists(st.integers(-1, 4) | st.just(2**40), max_size=3) | values,
    },
    optional={
        "data": values,
        "parameters": st.dictionaries(st.sampled_from(["binary_data_size", "classification"]), values, max_size=2)
        | st.fixed_dictionaries({"binary_data_size": st.integers(0, 40)}),
    },
)
documents = st.one_of(
    values,
    st.fixed_dictionaries({"data": values}),
    st.dictionaries(
        st.sampled_from(["inputs", "instances", "dataframe_split", "dataframe_records"]), values, max_size=2
    ),
    st.fixed_dictionaries(
        {"inputs": st.lists(tensors, max_size=4)},
        optional={"outputs": st.lists(st.fixed_dictionaries({"name": st.text(max_size=3)}), max_size=2), "id": values},
    ),
)


@pytest.fixture
def ask(make_ask: Callable[..., Ask], identity: Callable[[dict[str, int]], bytes]) -> Iterator[Ask]:
    kinds = {"f": TensorProto.FLOAT, "i": TensorProto.INT64, "s": TensorProto.STRING, "u": TensorProto.UINT8}
    yield make_ask(model=identity(kinds))


def expect_answer(response: Any) -> None:
    assert response.status == 200 or 400 <= response.status < 500, response.body
    if response.status != 200:
        document = json.loads(response.body)
        assert set(document) in ({"message"}, {"error"}, {"error_code", "message"})
        assert all(isinstance(text, str) for text in document.values())


@pytest.mark.parametrize("path", PATHS)
@FEW
@given(body=st.binary(max_size=200))
@example(body=b'{"data": ' + b"9" * 5000 + b"}")
@example(body=b'{"inputs": [' + b'{"data":' * 5000)
def test_any_bytes_are_answered(ask: Ask, path: str, body: bytes) -> None:
    expect_answer(ask("POST", path, body))


@pytest.mark.parametrize("path", PATHS)
@FEW
@given(document=documents)
def test_any_document_is_answered(ask: Ask, path: str, document: Any) -> None:
    expect_answer(ask("POST", path, json.dumps(document).encode()))


@FEW
@given(document=documents, blob=st.binary(max_size=60), length=st.integers(-2, 400) | st.none())
def test_any_binary_body_is_answered(ask: Ask, document: Any, blob: bytes, length: int | None) -> None:
    head = json.dumps(document).encode()
    given_length = str(len(head) if length is None else length)
    expect_answer(ask("POST", PATHS[2], head + blob, inference_header_content_length=given_length))


@FEW
@given(
    inputs=st.lists(
        st.fixed_dictionaries(
            {
                "name": st.sampled_from(["a", "b"]),
                "datatype": st.sampled_from(["FP32", "INT8", "BYTES", "BOOL", "FP16", "X"]),
                "shape": st.lists(st.integers(-1, 3), max_size=2),
                "contents": st.fixed_dictionaries(
                    {},
                    optional={
                        "int_contents": st.lists(st.integers(-(2**31), 2**31 - 1), max_size=4),
                        "fp32_contents": st.lists(st.floats(width=32), max_size=4),
                        "bytes_contents": st.lists(st.binary(max_size=3), max_size=4),
                    },
                ),
            }
        ),
        max_size=3,
    ),
    raw=st.lists(st.binary(max_size=20), max_size=3),
)
def test_any_grpc_request_is_read_or_refused(inputs: Any, raw: list[bytes]) -> None:
    try:
        read = decode_request(REQUEST(inputs=inputs, raw_input_contents=raw), None)
    except InvalidInput:
        return
    assert len(read) == len(inputs)


# Bodies that are right but for a few splices find what random bytes never reach.

NUMBERS = struct.pack("<2f", 1, 2)
GOOD = [
    ("/score", b'{"data": {"f": [1, NaN], "i": [1, 2], "s": ["a", "\\u00fc"], "u": [1, 2]}}'),
    ("/invocations", b'{"inputs": {"f": [1, 2], "i": [1, 2], "s": ["a", "b"], "u": [1, 2]}}'),
    ("/invocations", b'{"dataframe_split": {"columns": ["f", "i", "s", "u"], "data": [[1, 2, "a", 3]]}}'),
    ("/invocations", b'{"dataframe_records": [{"f": NaN, "i": 2, "s": "a", "u": 3}]}'),
    (
        "/v2/models/linear/infer",
        b'{"id": "a", "inputs": [{"name": "f", "datatype": "FP32", "shape": [2], "data": [1, NaN]},'
        b'{"name": "i", "datatype": "INT64", "shape": [2], "data": [1, 2]},'
        b'{"name": "s", "datatype": "BYTES", "shape": [2], "data": ["a", "b"]},'
        b'{"name": "u", "datatype": "UINT8", "shape": [2], "data": [1, 2]}], "outputs": [{"name": "f_out"}]}',
    ),
]
BINARY = (
    b'{"inputs": [{"name": "f", "datatype": "FP32", "shape": [2], "parameters": {"binary_data_size": 8}},'
    b'{"name": "i", "datatype": "INT64", "shape": [2], "parameters": {"binary_data_size": 16}},'
    b'{"name": "s", "datatype": "BYTES", "shape": [2], "parameters": {"binary_data_size": 10}},'
    b'{"name": "u", "datatype": "UINT8", "shape": [2], "parameters": {"binary_data_size": 2}}]}'
)
BLOBS = NUMBERS + struct.pack("<2q", 1, 2) + b"\1\0\0\0a\1\0\0\0b" + b"\1\2"
TOKENS = b'"|[|]|{|}|NaN|-Infinity|null|true|1e999|-1|0,|1099511627776,|"a":NaN,|inputs|\\ud800'.split(b"|")
pieces = st.binary(max_size=4) | st.sampled_from(
    [*TOKENS, b"1" * 400, b"[" * 70, b"1," * 70, b"\0", b"\xff", b"\xed\xa0\x80"]
)
splices = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 6), pieces), min_size=1, max_size=3)


def spliced(body: bytes, changes: Any) -> bytes:
    for place, cut, piece in changes:
        at = int(place * len(body))
        body = body[:at] + piece + body[at + cut :]
    return body


@pytest.mark.parametrize("good", GOOD)
@FEW
@given(changes=splices)
def test_a_body_with_a_few_wrong_bytes_is_answered(ask: Ask, good: tuple[str, bytes], changes: Any) -> None:
    path, body = good
    expect_answer(ask("POST", path, spliced(body, changes)))


@FEW
@given(changes=splices, length=st.integers(-3, 3) | st.just(0))
def test_a_binary_body_with_a_few_wrong_bytes_is_answered(ask: Ask, changes: Any, length: int) -> None:
    body = spliced(BINARY + BLOBS, changes)
    head = str(len(BINARY) + length)
    expect_answer(ask("POST", PATHS[2], body, inference_header_content_length=head))


@FEW
@given(shape=st.lists(st.sampled_from([0, 1, 2, 2**31, 2**40]), max_size=70), data=st.lists(st.just(1.0), max_size=2))
def test_any_shape_is_answered(ask: Ask, shape: list[int], data: list[float]) -> None:
    described = {"name": "f", "datatype": "FP32", "shape": shape}
    expect_answer(ask("POST", PATHS[2], {"inputs": [{**described, "data": data}]}))
    size = {"binary_data_size": 4 * len(data)}
    head = json.dumps({"inputs": [{**described, "parameters": size}]}).encode()
    body = head + b"\0" * (4 * len(data))
    expect_answer(ask("POST", PATHS[2], body, inference_header_content_length=str(len(head))))


CLIENTS_MISTAKES = (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND)


def good_message() -> bytes:
    contents = {"fp32_contents": [1.0, 2.0]}
    tensor = {"name": "x", "datatype": "FP32", "shape": [1, 3]}
    typed = REQUEST(model_name="linear", inputs=[{**tensor, "contents": contents}], outputs=[{"name": "y"}], id="a")
    return bytes(typed.SerializeToString())


messages = st.one_of(
    st.binary(max_size=100),
    splices.map(lambda changes: spliced(good_message(), changes)),
    st.builds(
        lambda shape, raw: bytes(
            REQUEST(
                model_name="linear",
                inputs=[{"name": "x", "datatype": "FP32", "shape": shape}],
                raw_input_contents=raw,
            ).SerializeToString()
        ),
        st.lists(st.sampled_from([-1, 0, 1, 3, 2**62]), max_size=70),
        st.lists(st.binary(max_size=12), max_size=2),
    ),
)


@pytest.fixture
def call(start: Callable[..., Any], linear: bytes) -> Iterator[Callable[[bytes], Any]]:
    process = start(model=linear)
    with grpc.insecure_channel(process.grpc) as channel:
        yield channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")


@FEW
@given(message=messages)
def test_any_grpc_message_is_answered(call: Callable[..., Any], message: bytes) -> None:
    try:
        call(message, timeout=10)
    except grpc.RpcError as error:
        assert error.code() in CLIENTS_MISTAKES, error.details()
