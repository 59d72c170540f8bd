"""/invocations: MLflow's four forms, by column order or by name."""

import contextlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from onnx import TensorProto

from serving.scoring.dataplane import DataPlane
from serving.scoring.engine.workers import Workers
from serving.scoring.runtimes.base import Call
from serving.scoring.tensors import Signature, Tensors, TensorSpec
from tests.serving.scoring.conftest import asking
from tests.serving.scoring.models import linear_model

Ask = Callable[..., Any]


@pytest.mark.parametrize(
    "body",
    [
        {"inputs": [[1, 2, 3]]},
        {"inputs": {"x": [[1, 2, 3]]}},
        {"instances": [[1, 2, 3]]},
        {"instances": [{"a": 1, "b": 2, "c": 3}]},
        {"dataframe_split": {"columns": ["a", "b", "c"], "data": [[1, 2, 3]]}},
        {"dataframe_split": {"columns": ["a", "b", "c"], "index": [0], "data": [[1, 2, 3]]}},
        {"dataframe_split": {"columns": [0, 1, 2], "data": [[1, 2, 3]]}},
        {"dataframe_split": {"data": [[1, 2, 3]]}},
        {"dataframe_records": [{"a": 1, "b": 2, "c": 3}]},
        {"inputs": [[1, 2, 3]], "params": {"temperature": 0.5}},
    ],
)
def test_every_form_gives_the_same_predictions(ask_onnx: Ask, body: Any) -> None:
    answer = ask_onnx("POST", "/invocations", body)
    assert (answer.status, json.loads(answer.body)) == (200, {"predictions": [[-6.5]]})


def test_columns_named_like_the_inputs_are_taken_by_name(
    make_ask: Callable[..., Ask], identity: Callable[[dict[str, int]], bytes]
) -> None:
    ask = make_ask(model=identity({"a": TensorProto.INT64, "b": TensorProto.STRING}))
    answer = ask("POST", "/invocations", {"dataframe_records": [{"b": "p", "a": 1}, {"a": 2, "b": "q"}]})
    assert json.loads(answer.body) == {"predictions": {"a_out": [1, 2], "b_out": ["p", "q"]}}


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "send exactly one of"),
        ({"inputs": [], "instances": []}, "got inputs, instances"),
        ({"inputs": [[1, 2]]}, "expected shape [-1, 3], got [1, 2]"),
        ({"dataframe_records": [{"a": 1, "b": 2, "c": 3}, {"a": 1}]}, "record 1 has columns ['a']"),
        ({"dataframe_split": {"columns": ["a", "b", "c"], "data": [[1]]}}, "row 0 has 1 values for 3 columns"),
        ({"dataframe_split": {"data": [[1]]}}, "expected shape [-1, 3], got [1, 1]"),
        ({"dataframe_split": {"columns": ["a", "b", "c"]}}, "missing required field `data`"),
        ({"messages": [{"role": "user", "content": "hello"}]}, "send exactly one of"),
        ({"dataframe_records": [{"a": "p", "b": 2, "c": 3}]}, "at `$[0][0]`"),
        (b"nonsense", "the body is not a JSON object"),
    ],
)
def test_a_malformed_body_is_a_400_that_names_the_fault(ask_onnx: Ask, body: Any, named: str) -> None:
    answer = ask_onnx("POST", "/invocations", body)
    assert answer.status == 400
    document = json.loads(answer.body)
    assert document["error_code"] == "BAD_REQUEST"
    assert named in document["message"]


def test_a_script_gets_the_body_as_from_score(ask_script: Ask) -> None:
    assert json.loads(ask_script("POST", "/invocations", {"data": [[1, 2, 3]]}).body) == {"predictions": [[-6.5]]}


@pytest.mark.parametrize(
    "body",
    [
        b'{"inputs": [[NaN, 2, -Infinity]]}',
        b'{"inputs": {"x": [[NaN, 2, -Infinity]]}}',
        b'{"instances": [{"a": NaN, "b": 2, "c": -Infinity}]}',
        b'{"dataframe_split": {"columns": ["a", "b", "c"], "data": [[NaN, 2, -Infinity]]}}',
        b'{"dataframe_records": [{"a": NaN, "b": 2, "c": -Infinity}]}',
    ],
)
def test_bare_nan_and_infinity_are_numbers_in_every_form(ask_onnx: Ask, body: bytes) -> None:
    answer = ask_onnx("POST", "/invocations", body)
    assert (answer.status, answer.body) == (200, b'{"predictions": [[NaN]]}')


@pytest.mark.parametrize(
    "body",
    [
        b"NaN",
        b"[NaN]",
        b'{"inputs": NaN}',
        b'{"inputs": [[NaN, 2]]}',
        b'{"dataframe_split": {"columns": NaN, "data": []}}',
        b'{"dataframe_split": {"columns": ["a"], "data": [NaN]}}',
        b'{"dataframe_records": [{"\\ud800": NaN}]}',
        b'{"dataframe_records": [NaN]}',
        b'{"instances": [NaN, ' + b"[" * 5000 + b"]" * 5000 + b"]}",
        b'{"inputs": [[NaN, 1e39, 1]]}',
    ],
)
def test_bare_nan_elsewhere_is_a_400(ask_onnx: Ask, body: bytes) -> None:
    assert ask_onnx("POST", "/invocations", body).status == 400


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/csv", b"a,b,c\n" + b"1,2,3\n" * 200_000 + b"wrong,2,3\n"),
        ("application/jsonlines", b"[1,2,3]\n" * 200_000 + b"wrong\n"),
    ],
)
def test_a_requests_time_counts_while_its_body_is_read(
    make_plane: Callable[..., DataPlane], content_type: str, body: bytes
) -> None:
    plane = make_plane(model=linear_model(), timeout_s=0.02)
    answer = asking(plane)("POST", "/invocations", body, content_type=content_type)  # read to its end it is a 400
    assert (answer.status, json.loads(answer.body)["error_code"]) == (504, "DEADLINE_EXCEEDED")
    assert "20 ms" in json.loads(answer.body)["message"]
    assert plane.executed == 0


class Identity:
    """Gives its input back when the clock says 6 s more."""

    platform = "identity"
    threads = 1
    inline = False
    signature: Signature | None = Signature([TensorSpec("x", "FP32", [-1, 3])], [TensorSpec("y", "FP32", [-1, 3])])

    def __init__(self) -> None:
        self.now_s = 0.0

    def infer(self, tensors: Tensors, call: Call) -> Tensors:
        self.now_s += 6
        return {"y": tensors["x"]}


def test_a_requests_time_counts_while_the_answer_to_a_table_is_written() -> None:
    runtime = Identity()
    with contextlib.closing(Workers()) as workers:
        ask = asking(DataPlane(runtime, workers, 4, 5.0, clock=lambda: runtime.now_s))
        answer = ask("POST", "/invocations", b"a,b,c\n1,2,3\n", content_type="text/csv")
    assert (answer.status, json.loads(answer.body)["error_code"]) == (504, "DEADLINE_EXCEEDED")
