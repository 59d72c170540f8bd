"""Any bytes at any decoder are an answer or a 4xx, never a 5xx."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from onnx import TensorProto

from serving.scoring.errors import InvalidInput
from serving.scoring.grpc_codec import decode_request
from serving.scoring.grpc_messages import message_classes

Ask = Callable[..., Any]
PATHS = ["/score", "/invocations", "/v2/models/linear/infer"]
REQUEST = message_classes()["ModelInferRequest"]
FEW = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

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
        (text,) = json.loads(response.body).values()
        assert isinstance(text, str)


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
