import json
import struct
from typing import Any

import numpy as np
import pytest

from registry.core.imaging.samples import Answer, Door, Tolerance
from serving.policy.answers import MOST, differences

EXACT = Tolerance(relative=0, absolute=0)
LOOSE = Tolerance(relative=0.01, absolute=0.001)


def answer(content: Any, status: int = 200, content_type: str = "application/json") -> Answer:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Answer(sample="rows.json", status=status, content_type=content_type, body=body)


def binary(tensors: dict[str, tuple[str, bytes]], **head: Any) -> Answer:
    outputs = [
        {"name": name, "datatype": kind, "shape": [-1], "parameters": {"binary_data_size": len(content)}}
        for name, (kind, content) in tensors.items()
    ]
    text = json.dumps({**head, "outputs": outputs}).encode()
    content = b"".join(content for _, content in tensors.values())
    kind = "application/octet-stream"
    return Answer(sample="rows.bin", status=200, content_type=kind, body=text + content, json_bytes=len(text))


def told(expected: Answer, got: Answer, tolerance: Tolerance = LOOSE, door: Door = Door.SCORE) -> list[str]:
    return [str(difference) for difference in differences(expected, got, door, tolerance)]


@pytest.mark.parametrize(
    ("expected", "got"),
    [
        ([[100.0]], [[100.9]]),
        ([0.0], [0.0009]),
        ([1], [1.0]),
        ({"a": 1, "b": [None, True, "x"]}, {"b": [None, True, "x"], "a": 1}),
        ([float("nan"), float("inf"), float("-inf")], [float("nan"), float("inf"), float("-inf")]),
        (json.dumps({"p": [100.0]}), json.dumps({"p": [100.5]})),
        ([], []),
    ],
)
def test_answers_that_agree(expected: Any, got: Any) -> None:
    assert told(answer(expected), answer(got)) == []


@pytest.mark.parametrize(
    ("expected", "got", "difference"),
    [
        ([[100.0]], [[102.0]], "$[0][0]: expected 100.0, got 102.0"),
        ([0.0], [0.0011], "$[0]: expected 0.0, got 0.0011"),
        ([1000000], [1000001], "$[0]: expected 1000000, got 1000001"),
        ([True], [1], "$[0]: expected true, got 1"),
        ([None], [0.0], "$[0]: expected null, got 0.0"),
        ([float("nan")], [1.0], "$[0]: expected NaN, got 1.0"),
        ([float("inf")], [1e308], "$[0]: expected Infinity, got 1e+308"),
        ({"label": "a"}, {"label": "b"}, '$.label: expected "a", got "b"'),
        ({"p(x)": 1.0}, {"p(x)": 2.0}, '$["p(x)"]: expected 1.0, got 2.0'),
        ({"a": 1}, {}, "$.a: expected 1, got nothing"),
        ({}, {"a": 1}, "$.a: expected nothing, got 1"),
        ([1, 2], [1], "$, length: expected 2, got 1"),
        ([1], {"a": 1}, '$: expected [1], got {"a": 1}'),
        (json.dumps([1.0]), json.dumps([2.0]), "$, read as JSON[0]: expected 1.0, got 2.0"),
        ("x" * 100, "y", f'$: expected "{"x" * 59}…, got "y"'),
    ],
)
def test_the_first_difference_is_told_with_its_path(expected: Any, got: Any, difference: str) -> None:
    assert told(answer(expected), answer(got)) == [difference]


def test_no_more_than_a_few_differences_are_told() -> None:
    assert len(told(answer([0] * 100), answer([1] * 100))) == MOST


def test_no_tolerance_means_equal() -> None:
    assert told(answer([0.1]), answer([0.1]), EXACT) == []
    assert told(answer([0.1]), answer([0.1000001]), EXACT) == ["$[0]: expected 0.1, got 0.1000001"]


def test_status_and_content_type_are_part_of_the_answer() -> None:
    assert told(answer([]), answer([], status=500)) == ["status: expected 200, got 500"]
    assert told(answer([]), answer([], content_type="text/html")) == [
        "content type: expected application/json, got text/html"
    ]
    assert told(answer([]), answer([], content_type="Application/JSON; charset=utf-8")) == []


def test_what_is_no_json_is_compared_byte_by_byte() -> None:
    assert told(answer(b"\x89PNG", content_type="image/png"), answer(b"\x89PNG", content_type="image/png")) == []
    assert told(answer(b"\x89PNG"), answer(b"\x89JPG")) == ["body: expected 4 bytes, got 4 others"]


def test_binary_tensors_are_compared_by_their_datatype() -> None:
    def tensors(*numbers: float, text: str = "a") -> dict[str, tuple[str, bytes]]:
        texts = struct.pack("<I", len(text)) + text.encode()
        return {"y": ("FP32", np.array(numbers, dtype="<f4").tobytes()), "label": ("BYTES", texts)}

    assert told(binary(tensors(100, 1)), binary(tensors(100.5, 1)), door=Door.INFER) == []
    assert told(binary(tensors(100, 1)), binary(tensors(102, 1, text="bc")), door=Door.INFER) == [
        "$.outputs[0].data[0]: expected 100.0, got 102.0",
        '$.outputs[1].data[0]: expected "a", got "bc"',
    ]


def test_binary_tensors_that_are_cut_short_are_just_other_bytes() -> None:
    whole, cut = binary({"y": ("FP32", bytes(8))}), binary({"y": ("FP32", bytes(7))})
    assert told(whole, cut, door=Door.INFER) == [f"body: expected {len(whole.body)} bytes, got {len(cut.body)} others"]


def test_the_name_that_a_model_answers_to_is_no_difference() -> None:
    expected = answer({"model_name": "rehearsal", "model_version": "1", "outputs": [1.0]})
    got = answer({"model_name": "cancer", "model_version": "2", "id": "7", "outputs": [1.0]})
    assert told(expected, got, door=Door.INFER) == []
    assert len(told(expected, got, door=Door.SCORE)) == 3
