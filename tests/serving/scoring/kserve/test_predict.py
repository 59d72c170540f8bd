"""/v1/models/NAME:predict: KServe's first protocol on models without code and on scripts."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from onnx import TensorProto

Ask = Callable[..., Any]
PREDICT = "/v1/models/linear:predict"


@pytest.mark.parametrize(
    "body",
    [
        {"instances": [[1, 2, 3]]},
        {"instances": [{"x": [1, 2, 3]}]},
        {"inputs": [[1, 2, 3]]},
        {"inputs": {"x": [[1, 2, 3]]}},
        {"signature_name": "serving_default", "instances": [[1, 2, 3]]},
    ],
)
@pytest.mark.parametrize("path", [PREDICT, "/v1/models/LINEAR:predict", "/v1/models/linear%3Apredict"])
def test_instances_and_inputs_are_answered_with_predictions(ask_onnx: Ask, path: str, body: Any) -> None:
    answer = ask_onnx("POST", path, body)
    assert (answer.status, json.loads(answer.body)) == (200, {"predictions": [[-6.5]]})


def test_the_content_type_is_never_looked_at(ask_onnx: Ask) -> None:
    body = {"instances": [[1, 2, 3]]}
    for content_type in ("application/x-www-form-urlencoded", "text/plain"):
        assert ask_onnx("POST", PREDICT, body, content_type=content_type).status == 200


def test_several_outputs_are_named(make_ask: Callable[..., Ask], identity: Callable[[dict[str, int]], bytes]) -> None:
    ask = make_ask(model=identity({"a": TensorProto.INT64, "b": TensorProto.STRING}))
    answer = ask("POST", PREDICT, {"instances": [{"a": 1, "b": "p"}, {"b": "q", "a": 2}]})
    assert json.loads(answer.body) == {"predictions": {"a_out": [1, 2], "b_out": ["p", "q"]}}


def test_a_script_gets_the_body_as_from_score(make_ask: Callable[..., Ask]) -> None:
    ask = make_ask(script="import json\ndef init(): pass\ndef run(data): return json.loads(data)['instances']\n")
    assert json.loads(ask("POST", PREDICT, {"instances": [1]}).body) == {"predictions": [1]}


def test_the_model_is_listed_and_ready(ask_onnx: Ask) -> None:
    assert json.loads(ask_onnx("GET", "/v1/models").body) == {"models": ["linear"]}
    assert json.loads(ask_onnx("GET", "/v1/models/linear").body) == {"name": "linear", "ready": True}


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "message"),
    [
        ("POST", "/v1/models/other:predict", {"instances": [[1, 2, 3]]}, 404, "Model with name other does not exist."),
        ("GET", "/v1/models/other", b"", 404, "Model with name other does not exist."),
        ("POST", "/v1/models/linear:explain", {"instances": [[1]]}, 404, "model 'linear' has no explainer"),
        ("POST", "/v1/models/linear:train", {}, 404, "there is nothing at /v1/models/linear:train"),
        ("POST", "/v1/models/linear", {}, 405, "use GET"),
        ("GET", PREDICT, b"", 405, "use POST"),
        ("POST", PREDICT, b"", 400, "the body is not a JSON object"),
        ("POST", PREDICT, b"[1]", 400, "the body is not a JSON object"),
        ("POST", PREDICT, {}, 400, "send exactly one of inputs, instances; got none"),
        ("POST", PREDICT, {"inputs": [], "instances": []}, 400, "got inputs, instances"),
        ("POST", PREDICT, {"dataframe_records": [{"a": 1}]}, 400, "send exactly one of inputs, instances; got none"),
        ("POST", PREDICT, {"instances": "no list"}, 400, "Expected"),
        ("POST", PREDICT, {"instances": [[1, 2]]}, 400, "expected shape [-1, 3], got [1, 2]"),
        ("POST", PREDICT, {"instances": [["p", 2, 3]]}, 400, "input 'x'"),
        ("POST", PREDICT, {"instances": [{"x": [1, 2, 3]}, {"y": 1}]}, 400, "record 1 has columns ['y']"),
    ],
)
def test_what_is_wrong_is_told_in_kserves_shape(
    ask_onnx: Ask, method: str, path: str, body: Any, status: int, message: str
) -> None:
    answer = ask_onnx(method, path, body)
    document = json.loads(answer.body)
    assert (answer.status, list(document), answer.content_type) == (status, ["error"], b"application/json")
    assert message in document["error"]


def test_a_script_that_raises_is_a_500_without_a_traceback(make_ask: Callable[..., Ask]) -> None:
    answer = make_ask(script="def init(): pass\ndef run(data): raise ValueError('no')\n")("POST", PREDICT, {})
    assert (answer.status, list(json.loads(answer.body))) == (500, ["error"])
    assert b"Traceback" not in answer.body
