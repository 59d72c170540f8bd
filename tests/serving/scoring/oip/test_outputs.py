"""Classification: the largest elements of an output, as texts."""

import json
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto

from serving.scoring.errors import InvalidInput
from serving.scoring.oip.outputs import top_classes

Ask = Callable[..., Any]


@pytest.mark.parametrize(
    ("array", "count", "batched", "classes"),
    [
        ([1.1, 3.3, 0.5, 2.4], 2, False, ["3.300000:1", "2.400000:3"]),
        ([[1, 5, 10, 4]], 2, True, [["10:2", "5:1"]]),
        ([[1, 5], [7, 6]], 1, True, [["5:1"], ["7:0"]]),
        ([[1, 5], [7, 6]], 3, False, ["7:2", "6:3", "5:1"]),  # without a batch, all of it is one item
        ([[[1, 2], [3, 4]]], 2, True, [["4:3", "3:2"]]),
        ([2, 2, 2], 2, False, ["2:0", "2:1"]),
        ([1, 2], 9, False, ["2:1", "1:0"]),
        ([3, 1], 1, True, [["3:0"], ["1:0"]]),
        (7.5, 1, True, ["7.500000:0"]),
        (np.empty((0, 3)), 2, True, np.empty((0, 2)).tolist()),
        (np.empty((2, 0)), 2, True, [[], []]),
        (np.array([0, 2**64 - 1], dtype=np.uint64), 1, False, [f"{2**64 - 1}:1"]),
        (np.array([-128, 127], dtype=np.int8), 2, False, ["127:1", "-128:0"]),
        (np.array([0.5, 1.5], dtype=np.float16), 1, False, ["1.500000:1"]),
    ],
)
def test_the_largest_come_first(array: Any, count: int, batched: bool, classes: Any) -> None:
    assert top_classes("y", np.asarray(array), count, batched).tolist() == classes


def test_no_classes_are_asked_for_by_0() -> None:
    array = np.ones(2)
    assert top_classes("y", array, 0, False) is array


@pytest.mark.parametrize("count", [-1, True, "2", 1.0, None])
def test_a_count_that_is_none_is_refused(count: Any) -> None:
    with pytest.raises(InvalidInput, match="output 'y': classification must be a whole number"):
        top_classes("y", np.ones(2), count, False)


@pytest.mark.parametrize(("array", "kind"), [([True], "BOOL"), (np.array(["a"], dtype=object), "BYTES")])
def test_only_numbers_have_classes(array: Any, kind: str) -> None:
    with pytest.raises(InvalidInput, match=f"output 'y': {kind} has no classes"):
        top_classes("y", np.asarray(array), 1, False)


def test_classes_come_as_json_and_as_bytes(
    make_ask: Callable[..., Ask], identity: Callable[[dict[str, int]], bytes]
) -> None:
    ask = make_ask(model=identity({"v": TensorProto.FLOAT}))
    inputs = [{"name": "v", "shape": [2], "datatype": "FP32", "data": [3, 9]}]
    for binary in (False, True):
        parameters = {"classification": 1, "binary_data": binary}
        body = {"inputs": inputs, "outputs": [{"name": "v_out", "parameters": parameters}]}
        answer = ask("POST", "/v2/models/linear/infer", body)
        length = int(dict(answer.headers).get(b"inference-header-content-length", len(answer.body)))
        (output,) = json.loads(answer.body[:length])["outputs"]
        assert (output["datatype"], output["shape"]) == ("BYTES", [2, 1])
        texts = [b"3.000000:0", b"9.000000:0"]
        if binary:
            assert answer.body[length:] == b"".join(struct.pack("<I", len(text)) + text for text in texts)
        else:
            assert output["data"] == [text.decode() for text in texts]
