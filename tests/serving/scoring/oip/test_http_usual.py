"""What is read in a single pass is what the door's own rules make of it, or is left to them."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.scoring.errors import InvalidInput
from serving.scoring.oip.http_codec import decode_head, decode_tensors
from serving.scoring.oip.http_usual import UsualInfer
from serving.scoring.tensors import Signature, TensorSpec
from tests.effort import effort

FLOATS = Signature([TensorSpec("a", "FP32", [-1, 2]), TensorSpec("b", "FP32", [-1])], [])
BYTES_TOO = Signature(
    [TensorSpec("a", "FP16", [-1]), TensorSpec("b", "BYTES", [-1]), TensorSpec("c", "BOOL", [-1])], []
)


def tensor(**changes: Any) -> dict[str, Any]:
    fields = {"name": "a", "datatype": "FP32", "shape": [1, 2], "data": [1, 2.5], **changes}
    return {name: value for name, value in fields.items() if value is not None}


def of_bytes(size: Any = 8, **changes: Any) -> dict[str, Any]:
    return tensor(**{"data": None, "parameters": {"binary_data_size": size}, **changes})


def body(*inputs: Any, **more: Any) -> bytes:
    return json.dumps({"inputs": inputs, **more}).encode()


@pytest.mark.parametrize(
    ("head", "blob"),
    [
        (body(tensor()), b""),
        (body(tensor(data=[[1, 2.5]]), id="q", outputs=[{"name": "y"}], parameters={"p": 1}), b""),
        (body(tensor(), tensor(name="b", shape=[3], data=[1, 2, 3])), b""),
        (body(tensor(shape=[0, 2], data=[])), b""),
        (body(of_bytes(), of_bytes(4, name="b", shape=[1])), bytes(12)),
        (body(of_bytes(0, shape=[0, 2]), of_bytes(4, name="b", shape=[1])), bytes(4)),
    ],
)
def test_usual_requests_are_read_as_the_general_reader_does(head: bytes, blob: bytes) -> None:
    usual = UsualInfer(FLOATS).read(head + blob, len(head))
    assert usual is not None
    general = decode_head(head, len(head))
    assert [getattr(usual[0], name) for name in ("id", "parameters", "outputs")] == [
        general.id,
        general.parameters,
        general.outputs,
    ]
    expected = decode_tensors(general, head + blob, len(head), FLOATS)
    assert usual[1].keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(usual[1][name], array, strict=True)


@pytest.mark.parametrize(
    ("head", "blob"),
    [
        (b"{", b""),
        (body(tensor(name="z")), b""),
        (body(tensor(), tensor()), b""),
        (body(tensor(datatype="FP64")), b""),
        (body(tensor(shape=[2, 1], data=[[1, 2]])), b""),
        (body(tensor(shape=[1, 3])), b""),
        (body(tensor(shape=[1] * 40)), b""),
        (body(tensor(data=[1, [2]])), b""),
        (body(tensor(data=["1", 2])), b""),
        (body(tensor(data=[True, 2])), b""),
        (body(tensor(data=[1e39, 2])), b""),
        (body(tensor(data=[float("nan"), 2])), b""),
        (body(tensor(parameters={"binary_data_size": 8})), bytes(8)),
        (body(tensor(parameters={"shared_memory_region": "r"})), b""),
        (body(of_bytes(0, shape=[0, 2])), b""),
        (body(of_bytes(7)), bytes(7)),
        (body(of_bytes()), bytes(7)),
        (body(of_bytes()), bytes(9)),
        (body(of_bytes(8.0)), bytes(8)),
        (body(of_bytes(shape=[2**40, 2**40])), bytes(8)),
        (body(of_bytes(parameters={"binary_data_size": 8, "shared_memory_region": "r"})), bytes(8)),
        (body(of_bytes(parameters={"mine": 8})), bytes(8)),
    ],
)
def test_what_is_unusual_or_wrong_is_left_to_the_general_reader(head: bytes, blob: bytes) -> None:
    assert UsualInfer(FLOATS).read(head + blob, len(head)) is None


@pytest.mark.parametrize("name", ["a", "b", "c"])
def test_elements_that_have_a_form_of_their_own_are_left_to_the_general_reader(name: str) -> None:
    datatype = BYTES_TOO.input(name).datatype
    head = body(tensor(name=name, datatype=datatype, shape=[1], data=[1]))
    assert UsualInfer(BYTES_TOO).read(head, len(head)) is None


def test_true_is_no_size() -> None:
    one = Signature([TensorSpec("a", "UINT8", [-1])], [])
    head = body(of_bytes(True, datatype="UINT8", shape=[1]))
    assert UsualInfer(one).read(head + b"\x01", len(head)) is None


def test_a_model_without_a_signature_has_no_usual_requests() -> None:
    assert UsualInfer(None).read(body(tensor()), len(body(tensor()))) is None


elements = st.none() | st.booleans() | st.integers() | st.floats(width=32) | st.text(max_size=2)
tensors = st.fixed_dictionaries(
    {
        "name": st.sampled_from("abc"),
        "datatype": st.sampled_from(["FP32", "FP16", "BYTES", "BOOL"]),
        "shape": st.lists(st.integers(0, 3) | st.just(2**40), max_size=3),
    },
    optional={
        "data": st.lists(elements | st.lists(elements, max_size=3), max_size=3),
        "parameters": st.fixed_dictionaries({}, optional={"binary_data_size": st.integers(0, 8) | st.booleans()}),
    },
)


@effort(300)
@given(st.sampled_from([FLOATS, BYTES_TOO]), st.lists(tensors, max_size=3), st.binary(max_size=12))
def test_nothing_is_read_that_the_general_reader_refuses_or_reads_otherwise(
    signature: Signature, inputs: list[Any], blob: bytes
) -> None:
    head = body(*inputs)
    usual = UsualInfer(signature).read(head + blob, len(head))
    try:
        expected = decode_tensors(decode_head(head, len(head)), head + blob, len(head), signature)
    except InvalidInput:
        assert usual is None
        return
    for name, array in (usual[1] if usual is not None else {}).items():
        np.testing.assert_array_equal(array, expected[name], strict=True)
