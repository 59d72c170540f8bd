"""generate and generate_stream: Triton's extension, with the model that Triton's own tests of it use."""

import contextlib
import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto

from serving.scoring.dataplane import DataPlane
from serving.scoring.engine.workers import Workers
from serving.scoring.errors import ScriptFailed
from serving.scoring.runtimes.base import Call, only
from serving.scoring.tensors import Signature, Tensors, TensorSpec
from tests.serving.scoring.conftest import asking

Ask = Callable[..., Any]
ONCE, STREAM = "/v2/models/linear/generate", "/v2/models/linear/generate_stream"
HEAD = {"model_name": "linear", "model_version": "7"}


class Repeat:
    """Gives PROMPT back as TEXT, REPETITION times, and may fail after the last."""

    platform = "mock_llm"
    threads = 1
    inline = False
    decoupled = True
    signature: Signature | None = Signature(
        [
            TensorSpec("PROMPT", "BYTES", [1]),
            TensorSpec("REPETITION", "INT32", [1]),
            TensorSpec("FAIL_LAST", "BOOL", [1], required=False),
        ],
        [TensorSpec("TEXT", "BYTES", [-1])],
    )

    def infer(self, tensors: Tensors, call: Call) -> Tensors:
        return only(self.stream(tensors, call))

    def stream(self, tensors: Tensors, call: Call) -> Iterator[Tensors]:
        for _ in range(int(tensors["REPETITION"][0])):
            yield {"TEXT": np.array([call.parameters.get("say", tensors["PROMPT"][0])], dtype=object)}
        if tensors.get("FAIL_LAST", np.array([False]))[0]:
            raise ScriptFailed("An Error Occurred")


@pytest.fixture
def ask() -> Iterator[Ask]:
    with contextlib.closing(Workers()) as workers:
        yield asking(DataPlane(Repeat(), workers, 4, 5.0))


def events(answer: Any) -> list[Any]:
    assert (answer.status, answer.content_type) == (200, b"text/event-stream; charset=utf-8")
    assert answer.body.endswith(b"\n\n") or not answer.body
    lines = answer.body.decode().split("\n\n")[:-1]
    assert all(line.startswith("data: ") for line in lines)
    return [json.loads(line.removeprefix("data: ")) for line in lines]


def test_one_answer_is_an_object_of_the_outputs(ask: Ask) -> None:
    answer = ask("POST", ONCE, {"PROMPT": "hello world", "REPETITION": 1})
    assert (answer.status, answer.content_type) == (200, b"application/json")
    assert json.loads(answer.body) == {**HEAD, "TEXT": "hello world"}


@pytest.mark.parametrize("prompt", ["hello\nworld", ["hello\nworld"]])
def test_each_answer_of_a_stream_is_an_event(ask: Ask, prompt: Any) -> None:
    answer = ask("POST", STREAM, {"PROMPT": prompt, "REPETITION": 3}, accept="text/event-stream")
    assert events(answer) == [{**HEAD, "TEXT": "hello\nworld"}] * 3


def test_versions_in_the_path_are_the_models(ask: Ask) -> None:
    body = {"PROMPT": "a", "REPETITION": 1}
    assert ask("POST", "/v2/models/linear/versions/7/generate", body).status == 200
    assert ask("POST", "/v2/models/linear/versions/7/generate_stream", body).status == 200
    assert ask("POST", "/v2/models/linear/versions/8/generate", body).status == 404
    assert ask("GET", ONCE).status == 405


@pytest.mark.parametrize("count", [0, 2])
def test_generate_wants_exactly_one_answer(ask: Ask, count: int) -> None:
    answer = ask("POST", ONCE, {"PROMPT": "a", "REPETITION": count})
    assert answer.status == 400
    assert json.loads(answer.body)["error"].startswith("generate expects model to produce exactly 1 response")
    assert events(ask("POST", STREAM, {"PROMPT": "a", "REPETITION": count})) == [{**HEAD, "TEXT": "a"}] * count


def test_an_error_before_the_first_event_has_its_status(ask: Ask) -> None:
    answer = ask("POST", STREAM, {"PROMPT": "a", "REPETITION": 0, "FAIL_LAST": True})
    assert (answer.status, answer.content_type) == (500, b"application/json")
    assert json.loads(answer.body) == {"error": "An Error Occurred"}


def test_an_error_after_an_event_is_the_last_event(ask: Ask) -> None:
    answer = ask("POST", STREAM, {"PROMPT": "a", "REPETITION": 1, "FAIL_LAST": True})
    assert events(answer) == [{**HEAD, "TEXT": "a"}, {"error": "An Error Occurred"}]


def test_what_is_no_input_is_a_parameter_and_parameters_may_name_inputs(ask: Ask) -> None:
    body = {"PROMPT": "a", "temperature": 0.5, "parameters": {"REPETITION": 2, "say": "b", "deep": True}}
    assert events(ask("POST", STREAM, body)) == [{**HEAD, "TEXT": "b"}] * 2


def test_an_id_comes_back(ask: Ask) -> None:
    answer = ask("POST", ONCE, {"id": "q1", "PROMPT": "a", "REPETITION": 1})
    assert json.loads(answer.body) == {"id": "q1", **HEAD, "TEXT": "a"}


@pytest.mark.parametrize("path", [ONCE, STREAM])
@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "missing input 'PROMPT'"),
        ({"abc": 123}, "missing input 'PROMPT'"),
        ({"PROMPT": "a"}, "missing input 'REPETITION'"),
        ({"PROMPT": 123, "REPETITION": 1}, "input 'PROMPT': Expected `str`, got `int`"),
        ({"PROMPT": "a", "REPETITION": "1"}, "input 'REPETITION': Expected `int`, got `str`"),
        ({"PROMPT": "a", "REPETITION": 2**31}, "input 'REPETITION'"),
        ({"PROMPT": "a", "REPETITION": None}, "input 'REPETITION'"),
        ({"PROMPT": "a", "REPETITION": [1, 2]}, "2 elements cannot be a tensor where the model's shape is [1]"),
        ({"PROMPT": ["a", 1], "REPETITION": 1}, "input 'PROMPT'"),
        ({"PROMPT": {"USER": "a"}, "REPETITION": 1}, "input 'PROMPT'"),
        ({"PROMPT": "a", "REPETITION": 1, "PARAMS": {"a": 0}}, "parameter 'PARAMS' has invalid type"),
        ({"PROMPT": "a", "REPETITION": 1, "PARAMS": [0]}, "parameter 'PARAMS' has invalid type"),
        ({"PROMPT": "a", "REPETITION": 1, "timeout": "soon"}, "timeout must be a whole number"),
        ({"PROMPT": "a", "REPETITION": 1, "parameters": 1}, "keyword 'parameters' is not a JSON object"),
        ({"PROMPT": "a", "REPETITION": 1, "parameters": {"a": {}}}, "parameter 'a' has invalid type"),
        ({"PROMPT": "a", "parameters": {"PROMPT": "b"}}, "'PROMPT' is given twice"),
        ({"id": 1, "PROMPT": "a", "REPETITION": 1}, "id must be a string"),
        (b'{"PROMPT": "a", "REPETITION": 1, "PROMPT": "b"}', "'PROMPT' already exists in the request"),
        (b'{"PROMPT": "a", "parameters": {"x": 1, "x": 2}}', "'x' already exists in the request"),
        (b'{"PROMPT": "a", "REPETITION": 1, "say": "\\ud800"}', "the body is not a JSON object"),
        (b'{"PROMPT": "\\ud800", "REPETITION": 1}', "the body is not a JSON object"),
        (b"", "the body is not a JSON object"),
        (b"[]", "the body is not a JSON object"),
        (b"{", "the body is not a JSON object"),
        (b'{"a": ' + b"[" * 100_000, "the body is not a JSON object"),
        (b'{"PROMPT": "\xff"}', "the body is not a JSON object"),
    ],
)
def test_a_malformed_request_is_a_400_before_anything_runs(ask: Ask, path: str, body: Any, named: str) -> None:
    answer = ask("POST", path, body)
    assert (answer.status, answer.content_type) == (400, b"application/json")
    assert named in json.loads(answer.body)["error"]


def test_one_name_given_twice_among_many_is_found_as_they_are_read(ask: Ask) -> None:
    members = b",".join(b'"p%d":0' % number for number in range(300_000))  # comparing each with each takes half an hour
    answer = ask("POST", ONCE, b'{%b,"p299999":1}' % members)
    assert answer.status == 400
    assert "'p299999' already exists in the request" in json.loads(answer.body)["error"]


def test_a_model_that_answers_once_is_asked_in_both_ways(ask_onnx: Ask) -> None:
    expected = {**HEAD, "y": -6.5}
    assert json.loads(ask_onnx("POST", ONCE, {"x": [1, 2, 3]}).body) == expected
    assert events(ask_onnx("POST", STREAM, {"x": [[1, 2, 3]]})) == [expected]
    assert json.loads(ask_onnx("POST", ONCE, {"x": [1, 2, 3, 0, 0, 0]}).body)["y"] == [-6.5, 0.5]
    assert "4 elements cannot be a tensor" in json.loads(ask_onnx("POST", ONCE, {"x": [1, 2, 3, 4]}).body)["error"]
    assert ask_onnx("POST", ONCE, {"x": "a"}).status == 400


def test_values_of_every_type_come_as_json(
    make_ask: Callable[..., Ask], identity: Callable[[dict[str, int]], bytes]
) -> None:
    kinds = {"t": TensorProto.STRING, "b": TensorProto.BOOL, "i": TensorProto.INT64, "f": TensorProto.FLOAT}
    answer = make_ask(model=identity(kinds))(
        "POST", ONCE, b'{"t": "\xc3\xbc", "b": true, "i": [1, 2], "f": [NaN, Infinity]}'
    )
    assert answer.body == (
        b'{"model_name": "linear", "model_version": "7", "t_out": "\xc3\xbc", "b_out": true, "i_out": [1, 2],'
        b' "f_out": [NaN, Infinity]}'
    )


def test_fp16_has_no_json_form(make_ask: Callable[..., Ask], identity: Callable[[dict[str, int]], bytes]) -> None:
    answer = make_ask(model=identity({"h": TensorProto.FLOAT16}))("POST", ONCE, {"h": 1})
    assert answer.status == 400
    assert "FP16 has no JSON form" in json.loads(answer.body)["error"]


def test_a_script_without_a_signature_gets_the_body_and_its_results_are_events(make_ask: Callable[..., Ask]) -> None:
    script = """
import json
def init(): ...
def run(data):
    for word in json.loads(data)["text_input"].split():
        yield word
    yield {"text_output": "", "finish": True}
    yield [1, 2]
"""
    answer = make_ask(script=script)("POST", STREAM, {"text_input": "ü b", "parameters": {"stream": True}})
    assert events(answer) == [
        {**HEAD, "text_output": "ü"},
        {**HEAD, "text_output": "b"},
        {**HEAD, "text_output": "", "finish": True},
        {**HEAD, "output_0": [1, 2]},
    ]


def test_a_script_that_returns_is_answered_once(make_ask: Callable[..., Ask]) -> None:
    ask = make_ask(script="def init(): ...\ndef run(data): return 'x'\n")
    assert json.loads(ask("POST", ONCE, {"text_input": "a"}).body) == {**HEAD, "text_output": "x"}
    assert ask("POST", ONCE, b"[1]").status == 400
    assert events(ask("POST", STREAM, {"text_input": "a"})) == [{**HEAD, "text_output": "x"}]


SLOW = """
import time
def init(): ...
def run(data):
    while True:
        time.sleep(0.01)
"""
SLOW_WITH_SCHEMA = """
import time
import numpy as np
from inference_schema.parameter_types.numpy_parameter_type import NumpyParameterType
from inference_schema.schema_decorators import input_schema
def init(): ...
@input_schema("x", NumpyParameterType(np.array([[1.0]])))
def run(x):
    while True:
        time.sleep(0.01)
"""


@pytest.mark.parametrize("path", [ONCE, STREAM])
@pytest.mark.parametrize("script", [SLOW, SLOW_WITH_SCHEMA])
@pytest.mark.parametrize("more", [{"timeout": 50_000}, {"parameters": {"timeout": 50_000}}])
def test_a_timeout_shortens_the_requests_time(
    make_ask: Callable[..., Ask], path: str, script: str, more: dict[str, Any]
) -> None:
    answer = make_ask(script=script, timeout_s=60.0)("POST", path, {"x": [1.0], **more})
    assert (answer.status, dict(answer.headers)[b"x-slipway-error"]) == (504, b"deadline_exceeded")
    assert "50 ms" in json.loads(answer.body)["error"]


@pytest.mark.parametrize("timeout", ["soon", 0.5, True, None, -1])
def test_a_timeout_that_is_none_is_refused_also_where_a_script_gets_the_body(
    make_ask: Callable[..., Ask], timeout: Any
) -> None:
    answer = make_ask(script=SLOW)("POST", ONCE, {"timeout": timeout})
    assert answer.status == 400
    assert "timeout must be a whole number of microseconds" in json.loads(answer.body)["error"]


@pytest.mark.parametrize("timeout", [2**64, 10**400], ids=["65 bits", "401 digits"])
@pytest.mark.parametrize("within", ["{%b}", '{"parameters": {%b}}'])
def test_a_timeout_of_more_than_64_bits_is_refused(ask: Ask, within: str, timeout: int) -> None:
    body = within.encode() % (b'"PROMPT": "a", "REPETITION": 1, "timeout": %d' % timeout)
    for path in (ONCE, STREAM):
        answer = ask("POST", path, body)
        assert answer.status == 400
        assert f"timeout must be at most {2**64 - 1} microseconds" in json.loads(answer.body)["error"]


def test_the_longest_timeout_is_the_process_own(ask: Ask) -> None:
    assert ask("POST", ONCE, {"PROMPT": "a", "REPETITION": 1, "timeout": 2**64 - 1}).status == 200
