"""Any bytes and documents at ``/v2``: an answer, or the client's mistake, at once and in little memory."""

import json
import struct
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from onnx import TensorProto

from tests.effort import effort
from tests.serving.scoring.splices import SPLICES, spliced

Ask = Callable[..., Any]
INFER = "/v2/models/linear/infer"
KINDS = {
    "f": TensorProto.FLOAT,
    "i": TensorProto.INT64,
    "s": TensorProto.STRING,
    "u": TensorProto.UINT8,
    "b": TensorProto.BOOL,
    "h": TensorProto.FLOAT16,
}
MEMORY = 64 << 20  # for bodies of some hundred bytes

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from([*KINDS, "z"]), inner, max_size=3),
    max_leaves=12,
)
parameters = st.dictionaries(
    st.sampled_from(["binary_data_size", "classification", "binary_data", "binary_data_output", "timeout", "mine"]),
    values | st.integers(-1, 40) | st.booleans(),
    max_size=2,
)
tensors = st.fixed_dictionaries(
    {
        "name": st.sampled_from([*KINDS, "z"]),
        "datatype": st.sampled_from(["FP32", "INT64", "BYTES", "UINT8", "BOOL", "FP16", "BF16", "X"]),
        "shape": st.lists(st.integers(-1, 4) | st.just(2**40), max_size=3) | values,
    },
    optional={
        "data": values,
        "parameters": parameters | st.fixed_dictionaries({"binary_data_size": st.integers(0, 40)}),
    },
)
outputs = st.fixed_dictionaries(
    {"name": st.sampled_from(["f_out", "s_out", "h_out"]) | st.text(max_size=3)}, optional={"parameters": parameters}
)
requests = st.fixed_dictionaries(
    {"inputs": st.lists(tensors, max_size=7)},
    optional={
        "outputs": st.lists(outputs, max_size=3),
        "id": values,
        "parameters": parameters.filter(lambda given: not is_short(given.get("timeout"))) | values,
    },
)


def is_short(timeout: Any) -> bool:
    """Say whether a request may be late for it, as it asked."""
    return isinstance(timeout, int) and timeout > 0


GOOD = (
    b'{"id": "a", "inputs": [{"name": "f", "datatype": "FP32", "shape": [2], "data": [1, NaN]},'
    b'{"name": "i", "datatype": "INT64", "shape": [2], "data": [1, 2]},'
    b'{"name": "s", "datatype": "BYTES", "shape": [2], "data": ["a", "b"]},'
    b'{"name": "u", "datatype": "UINT8", "shape": [2], "data": [1, 2]},'
    b'{"name": "b", "datatype": "BOOL", "shape": [2], "data": [true, false]},'
    b'{"name": "h", "datatype": "FP16", "shape": [0], "parameters": {"binary_data_size": 0}}],'
    b'"outputs": [{"name": "f_out", "parameters": {"classification": 1}}, {"name": "s_out"}],'
    b'"parameters": {"timeout": 1000000}}'
)
SIZES = {
    "f": ("FP32", 8),
    "i": ("INT64", 16),
    "s": ("BYTES", 10),
    "u": ("UINT8", 2),
    "b": ("BOOL", 2),
    "h": ("FP16", 4),
}
HEAD = json.dumps(
    {
        "inputs": [
            {"name": name, "datatype": datatype, "shape": [2], "parameters": {"binary_data_size": size}}
            for name, (datatype, size) in SIZES.items()
        ],
        "parameters": {"binary_data_output": True},
    }
).encode()
BLOBS = struct.pack("<2f2q", 1, 2, 1, 2) + b"\1\0\0\0a\1\0\0\0b" + b"\1\2" + b"\0\1" + struct.pack("<2e", 1, 2)


@pytest.fixture
def ask(make_ask: Callable[..., Ask], identity: Callable[[dict[str, int]], bytes]) -> Ask:
    ask = make_ask(model=identity(KINDS))

    def bounded(path: str, body: Any, **headers: str) -> Any:
        tracemalloc.start()
        try:
            answer = ask("POST", path, body, **headers)
            assert tracemalloc.get_traced_memory()[1] < MEMORY
        finally:
            tracemalloc.stop()
        assert answer.status == 200 or 400 <= answer.status < 500, answer.body
        if answer.status != 200:
            (text,) = json.loads(answer.body).values()
            assert isinstance(text, str)
        return answer

    return bounded


def test_the_bodies_that_are_right_are_answered(ask: Ask) -> None:
    assert ask(INFER, GOOD).status == 200
    assert ask(INFER, HEAD + BLOBS, inference_header_content_length=str(len(HEAD))).status == 200


@effort()
@given(body=st.binary(max_size=200), length=st.none() | st.integers(-2, 300).map(str) | st.text(max_size=4))
@example(body=b'{"inputs": [' + b'{"data":' * 5000, length=None)
@example(body=b'{"inputs": [{"name": "f", "shape": [' + b"1," * 5000, length=None)
def test_any_bytes_are_answered(ask: Ask, body: bytes, length: str | None) -> None:
    ask(INFER, body, **({} if length is None else {"inference_header_content_length": length}))


@effort(300)
@given(document=values | requests)
def test_any_document_is_answered(ask: Ask, document: Any) -> None:
    ask(INFER, json.dumps(document).encode())


@effort(300)
@given(document=values | requests, blob=st.binary(max_size=60), length=st.integers(-2, 400) | st.none())
def test_any_binary_body_is_answered(ask: Ask, document: Any, blob: bytes, length: int | None) -> None:
    head = json.dumps(document).encode()
    given_length = str(len(head) if length is None else length)
    ask(INFER, head + blob, inference_header_content_length=given_length)


@effort(300)
@given(changes=SPLICES)
def test_a_body_with_a_few_wrong_bytes_is_answered(ask: Ask, changes: Any) -> None:
    ask(INFER, spliced(GOOD, changes))


@effort(300)
@given(changes=SPLICES, length=st.integers(-3, 3) | st.just(0))
def test_a_binary_body_with_a_few_wrong_bytes_is_answered(ask: Ask, changes: Any, length: int) -> None:
    ask(INFER, spliced(HEAD + BLOBS, changes), inference_header_content_length=str(len(HEAD) + length))


@effort()
@given(shape=st.lists(st.sampled_from([0, 1, 2, 2**31, 2**40]), max_size=70), data=st.lists(st.just(1.0), max_size=2))
def test_any_shape_is_answered(ask: Ask, shape: list[int], data: list[float]) -> None:
    described = {"name": "f", "datatype": "FP32", "shape": shape}
    ask(INFER, {"inputs": [{**described, "data": data}]})
    size = {"binary_data_size": 4 * len(data)}
    head = json.dumps({"inputs": [{**described, "parameters": size}]}).encode()
    ask(INFER, head + b"\0" * (4 * len(data)), inference_header_content_length=str(len(head)))


@effort(80)
@given(document=values | st.fixed_dictionaries({"parameters": values, "ready": values}), body=st.binary(max_size=20))
@pytest.mark.parametrize(
    "path",
    ["repository/index", "repository/models/linear/load", "trace/setting", "logging", "systemsharedmemory/unregister"],
)
def test_any_body_is_answered_beside_inference(ask: Ask, path: str, document: Any, body: bytes) -> None:
    ask(f"/v2/{path}", json.dumps(document).encode())
    ask(f"/v2/{path}", body)


@effort()
@given(path=st.text(st.sampled_from("/%:*abc20\\..é"), max_size=12))
@pytest.mark.parametrize("before", ["/v2", "/v2/models/", "/v2/models/linear/versions/", "/v2/repository/models/"])
def test_any_path_is_answered(ask: Ask, before: str, path: str) -> None:
    ask(before + path, b"")
