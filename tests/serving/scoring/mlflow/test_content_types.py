"""/invocations by Content-Type, as MLflow's server reads it, and by Accept, as SageMaker's containers do."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from onnx import TensorProto

Ask = Callable[..., Any]
JSON_BODY = b'{"inputs": [[1, 2, 3]]}'
TWO_ROWS = {"inputs": [[1, 2, 3], [0.25, -8, 0.5]]}
ECHO = """
import json

def init():
    pass

def run(data, request_headers):
    return [data, request_headers.get("Content-Type"), request_headers.get("X-Amzn-Sagemaker-Custom-Attributes")]
"""


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "application/json; charset=utf-8",
        "application/json;charset=UTF-8",
        'application/json; charset="utf-8"',
        "application/json;",
        "Application/JSON",
    ],
)
def test_json_is_json_however_it_is_written(ask_onnx: Ask, content_type: str) -> None:
    assert ask_onnx("POST", "/invocations", JSON_BODY, content_type=content_type).status == 200


def test_a_body_without_a_content_type_is_json(ask_onnx: Ask) -> None:
    assert json.loads(ask_onnx("POST", "/invocations", JSON_BODY).body) == {"predictions": [[-6.5]]}


@pytest.mark.parametrize("image", ["ask_onnx", "ask_script"])
@pytest.mark.parametrize(
    ("content_type", "text"),
    [
        (
            "application/x-www-form-urlencoded",
            "This predictor only supports the following content types: Types: ['text/csv', 'application/json',"
            " 'application/vnd.apache.parquet']. Got 'application/x-www-form-urlencoded'.",
        ),
        ("application/json; charset=latin-1", "The scoring server only supports UTF-8"),
        ("multipart/form-data; boundary=x", "Unrecognized content type parameters: boundary."),
        ("application/json; format=pandas-split", "Unrecognized content type parameters: format."),
    ],
)
def test_another_type_is_415_in_mlflows_words(
    request: pytest.FixtureRequest, image: str, content_type: str, text: str
) -> None:
    answer = request.getfixturevalue(image)("POST", "/invocations", JSON_BODY, content_type=content_type)
    assert (answer.status, answer.content_type) == (415, b"text/plain; charset=utf-8")
    assert answer.body.decode() == text


@pytest.mark.parametrize(
    ("accept", "body", "content_type"),
    [
        ("text/csv", b"-6.5\n-17.25\n", b"text/csv"),
        ("text/csv;q=0.5, application/json;q=0.4", b"-6.5\n-17.25\n", b"text/csv"),
        ("application/jsonlines", b"[-6.5]\n[-17.25]\n", b"application/jsonlines"),
        ("text/csv;q=0.9, */*", b'{"predictions":[[-6.5],[-17.25]]}', b"application/json"),
        ("image/png", b'{"predictions":[[-6.5],[-17.25]]}', b"application/json"),
        ("text/csv;q=much", b'{"predictions":[[-6.5],[-17.25]]}', b"application/json"),
    ],
)
def test_the_answer_is_of_the_type_that_is_accepted(
    ask_onnx: Ask, accept: str, body: bytes, content_type: bytes
) -> None:
    answer = ask_onnx("POST", "/invocations", TWO_ROWS, accept=accept)
    assert (answer.status, answer.body, answer.content_type) == (200, body, content_type)


def test_csv_names_the_outputs_where_there_are_several(
    make_ask: Callable[..., Ask], identity: Callable[[dict[str, int]], bytes]
) -> None:
    ask = make_ask(model=identity({"a": TensorProto.INT64, "b": TensorProto.STRING}))
    answer = ask("POST", "/invocations", {"inputs": {"a": [1, 2], "b": ["p, q", "r"]}}, accept="text/csv")
    assert answer.body.decode() == 'a_out,b_out\n1,"p, q"\n2,r\n'


def test_what_is_no_table_is_not_acceptable_as_csv(make_ask: Callable[..., Ask]) -> None:
    ask = make_ask(script="def init(): pass\ndef run(data): return [[[1]]]\n")
    answer = ask("POST", "/invocations", {}, accept="text/csv")
    assert (answer.status, json.loads(answer.body)["error_code"]) == (406, "BAD_REQUEST")
    assert "accept application/json" in json.loads(answer.body)["message"]


@pytest.mark.parametrize(
    "body", [b"[1, 2, 3]\n[0.25, -8, 0.5]\n", b'{"a": 1, "b": 2, "c": 3}\r\n\n{"a": 0.25, "b": -8, "c": 0.5}']
)
def test_json_lines_are_rows(ask_onnx: Ask, body: bytes) -> None:
    answer = ask_onnx("POST", "/invocations", body, content_type="application/jsonlines")
    assert json.loads(answer.body) == {"predictions": [[-6.5], [-17.25]]}


def test_a_line_that_is_no_json_is_named(ask_onnx: Ask) -> None:
    answer = ask_onnx("POST", "/invocations", b"[1, 2, 3]\n[1, 2, 3]]\n", content_type="application/jsonlines")
    assert answer.status == 400
    assert "line 2 is not JSON" in json.loads(answer.body)["message"]


@pytest.mark.parametrize("content_type", ["text/csv", "application/jsonlines", "application/json"])
def test_a_script_gets_the_text_its_type_and_sagemakers_attributes(
    make_ask: Callable[..., Ask], content_type: str
) -> None:
    headers = {"content_type": content_type, "x_amzn_sagemaker_custom_attributes": "trace=1"}
    answer = make_ask(script=ECHO)("POST", "/invocations", b"a,b\n1,2\n", **headers)
    assert json.loads(answer.body) == {"predictions": ["a,b\n1,2\n", content_type, "trace=1"]}


def test_a_script_takes_no_parquet_and_no_other_encoding(ask_script: Ask) -> None:
    answer = ask_script("POST", "/invocations", b"PAR1", content_type="application/vnd.apache.parquet")
    assert (answer.status, answer.body.decode()) == (
        415,
        "a scoring script takes text, which Parquet is not: send JSON or CSV",
    )
    assert ask_script("POST", "/invocations", b"\xff", content_type="text/csv").status == 400


@pytest.mark.parametrize("path", ["/ping", "/health"])
def test_health_is_a_newline(ask_onnx: Ask, path: str) -> None:
    answer = ask_onnx("GET", path)
    assert (answer.status, answer.body, answer.content_type) == (200, b"\n", b"application/json")


def test_the_version_is_a_bare_text(ask_onnx: Ask) -> None:
    answer = ask_onnx("GET", "/version")
    assert answer.status == 200
    assert answer.body.decode().count(".") >= 1


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [("GET", "/invocations", 405, "BAD_REQUEST"), ("POST", "/ping", 405, "BAD_REQUEST")],
)
def test_a_wrong_method_is_told_in_mlflows_shape(ask_onnx: Ask, method: str, path: str, status: int, code: str) -> None:
    answer = ask_onnx(method, path)
    assert (answer.status, json.loads(answer.body)["error_code"]) == (status, code)


def test_a_request_past_its_time_is_504_in_mlflows_words(make_ask: Callable[..., Ask]) -> None:
    ask = make_ask(script="import time\ndef init(): pass\ndef run(data): time.sleep(0.2)\n", timeout_s=0.05)
    answer = ask("POST", "/invocations", {})
    assert (answer.status, json.loads(answer.body)["error_code"]) == (504, "DEADLINE_EXCEEDED")
    assert json.loads(answer.body)["message"].startswith("Request processing time exceeded limit")


def test_a_script_that_raises_is_a_500_in_mlflows_shape(make_ask: Callable[..., Ask]) -> None:
    ask = make_ask(script="def init(): pass\ndef run(data): raise ValueError(data)\n")
    answer = ask("POST", "/invocations", {})
    assert (answer.status, json.loads(answer.body)["error_code"]) == (500, "INTERNAL_ERROR")
