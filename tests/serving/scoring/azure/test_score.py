"""/score: Azure ML's contract for scripts, its body for ONNX models, its errors."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from onnx import TensorProto

Ask = Callable[..., Any]


def message(response: Any) -> Any:
    document = json.loads(response.body)
    assert list(document) == ["message"]
    return document["message"]


def test_one_output_is_answered_as_rows(ask_onnx: Ask) -> None:
    answer = ask_onnx("POST", "/score", {"data": [[1, 2, 3], [0, 0, 0]]}, x_request_id="r1")
    assert (answer.status, json.loads(answer.body)) == (200, [[-6.5], [0.5]])
    headers = dict(answer.headers)
    assert headers[b"x-request-id"] == b"r1"
    assert headers[b"x-ms-run-function-failed"] == b"False"
    assert float(headers[b"x-ms-run-fn-exec-ms"]) >= 0


def test_inputs_may_be_named(ask_onnx: Ask) -> None:
    assert json.loads(ask_onnx("POST", "/score", {"data": {"x": [[1, 2, 3]]}}).body) == [[-6.5]]


def test_several_outputs_are_answered_by_name(
    make_ask: Callable[..., Ask], identity: Callable[[dict[str, int]], bytes]
) -> None:
    ask = make_ask(model=identity({"count": TensorProto.INT64, "text": TensorProto.STRING}))
    answer = ask("POST", "/score", {"data": {"count": [1, 2], "text": ["a", "ü"]}})
    assert json.loads(answer.body) == {"count_out": [1, 2], "text_out": ["a", "ü"]}


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"", "not JSON"),
        (b"[1]", "must be a JSON object"),
        (b"\xff\xfe", "not JSON"),
        ({"rows": []}, "data"),
        ({"data": [[1, 2]]}, "input 'x': expected shape [-1, 3], got [1, 2]"),
        ({"data": [1, 2, 3]}, "input 'x': expected shape [-1, 3], got [3]"),
        ({"data": [[1, 2, 3], [1, 2]]}, "input 'x': rows are not of equal length"),
        ({"data": [[1, "2", 3]]}, "input 'x': Expected `float`, got `str` - at `$[0][1]` (datatype FP32)"),
        ({"data": [[1, None, 3]]}, "input 'x': Expected `float`, got `null` - at `$[0][1]` (datatype FP32)"),
        ({"data": [[1, 1e39, 3]]}, "- at `$[0][1]` (datatype FP32)"),
        ({"data": {"z": [[1, 2, 3]]}}, "unknown input 'z': the model has 'x'"),
        ({"data": {}}, "missing input 'x'"),
        (b'{"data": ' + b"[" * 100_000, "not JSON"),
        (b'{"data": ' + b"[" * 40 + b"]" * 40 + b"}", "nested deeper than 32"),
    ],
)
def test_a_malformed_body_is_a_400_that_names_the_fault(ask_onnx: Ask, body: Any, named: str) -> None:
    answer = ask_onnx("POST", "/score", body)
    assert answer.status == 400
    assert named in message(answer)
    assert (b"x-ms-run-function-failed", b"False") in answer.headers


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (TensorProto.UINT8, 256),
        (TensorProto.UINT8, -1),
        (TensorProto.INT8, 128),
        (TensorProto.INT32, 2**31),
        (TensorProto.INT64, 2**63),
        (TensorProto.UINT64, 2**64),
        (TensorProto.UINT64, -1),
        (TensorProto.INT32, 1.5),
        (TensorProto.BOOL, 1),
        (TensorProto.FLOAT, 1e39),
        (TensorProto.FLOAT16, 1e5),
    ],
)
def test_numbers_out_of_range_are_refused_never_wrapped(
    make_ask: Callable[..., Ask], identity: Callable[[dict[str, int]], bytes], kind: int, value: float
) -> None:
    answer = make_ask(model=identity({"v": kind}))("POST", "/score", {"data": [value]})
    assert answer.status == 400
    assert "input 'v'" in message(answer)


def test_nan_and_infinity_pass_both_ways(
    make_ask: Callable[..., Ask], identity: Callable[[dict[str, int]], bytes]
) -> None:
    ask = make_ask(model=identity({"v": TensorProto.FLOAT}))
    answer = ask("POST", "/score", b'{"data": [NaN, Infinity, -Infinity, 1]}')
    assert answer.body == b"[NaN, Infinity, -Infinity, 1.0]"
    assert ask("POST", "/score", b'{"data": [NaN, 1e39]}').status == 400


def test_a_script_gets_the_body_as_text_and_its_result_is_json(make_ask: Callable[..., Ask]) -> None:
    ask = make_ask(script="def init(): ...\ndef run(data):\n    return {'got': data, 'type': type(data).__name__}\n")
    answer = ask("POST", "/score", "ü".encode())
    assert answer.body == b'{"got": "\\u00fc", "type": "str"}'
    assert ask("POST", "/score", b"\xff").status == 400


def test_get_gives_a_script_the_parameters(make_ask: Callable[..., Ask]) -> None:
    ask = make_ask(script="def init(): ...\ndef run(data): return data\n")
    assert json.loads(json.loads(ask("GET", "/score?a=1&b=x&b=2&c=").body)) == {"a": 1, "b": ["x", 2], "c": ""}


def test_only_a_script_is_said_to_take_get(ask_script: Ask) -> None:
    assert dict(ask_script("PUT", "/score").headers)[b"allow"] == b"POST, GET, OPTIONS"


def test_get_of_a_model_without_code_is_not_allowed(ask_onnx: Ask) -> None:
    for method in ("GET", "HEAD", "PUT"):
        refused = ask_onnx(method, "/score")
        assert (refused.status, dict(refused.headers)[b"allow"]) == (405, b"POST, OPTIONS")
        assert json.loads(refused.body) == {"message": f"{method} is not allowed on /score: use POST, OPTIONS"}


def test_a_script_may_ask_for_the_headers(make_ask: Callable[..., Ask]) -> None:
    ask = make_ask(script="def init(): ...\ndef run(data, request_headers): return request_headers['X-Tenant']\n")
    assert ask("POST", "/score", b"", x_tenant="acme").body == b'"acme"'


@pytest.mark.parametrize("raising", ["raise KeyError('x')", "import sys; sys.exit(3)", "raise KeyboardInterrupt"])
def test_a_raising_script_is_a_500_without_its_reason(make_ask: Callable[..., Ask], raising: str) -> None:
    answer = make_ask(script=f"def init(): ...\ndef run(data):\n    {raising}\n")("POST", "/score", b"")
    assert answer.status == 500
    assert message(answer) == "An unexpected error occurred in scoring script. Check the logs for more info."
    assert (b"x-ms-run-function-failed", b"True") in answer.headers


def test_a_result_that_json_cannot_hold_is_our_error_not_runs(make_ask: Callable[..., Ask]) -> None:
    answer = make_ask(script="def init(): ...\ndef run(data): return {1, 2}\n")("POST", "/score", b"")
    assert answer.status == 500
    assert message(answer).startswith("An unexpected internal error occurred.")
    assert (b"x-ms-run-function-failed", b"False") in answer.headers


def test_a_run_over_its_time_is_told_as_azure_tells_it(make_ask: Callable[..., Ask]) -> None:
    script = "import threading\ndef init(): ...\ndef run(data): threading.Event().wait(0.3)\n"
    answer = make_ask(script=script, timeout_s=0.05)("POST", "/score", b"")
    assert (answer.status, message(answer)) == (500, "Scoring timeout after 50 ms")
    assert (b"x-ms-run-function-failed", b"True") in answer.headers


def test_options_is_answered(ask_onnx: Ask) -> None:
    assert ask_onnx("OPTIONS", "/score").status == 200


@pytest.mark.parametrize(
    "result", ["{1, 2}", "type('D', (dict,), {'items': lambda self: 1 / 0})(a=1)", "nested()", "Exits([1])"]
)
def test_a_result_that_cannot_be_encoded_is_the_scripts_and_in_the_log(
    make_ask: Callable[..., Ask], caplog: pytest.LogCaptureFixture, result: str
) -> None:
    script = f"""
def init(): ...
def nested():
    value = []
    for _ in range(100_000):
        value = [value]
    return value
class Exits(dict):
    def __init__(self, _): super().__init__(a=1)
    def items(self): raise SystemExit(3)
def run(data): return {result}
"""
    answer = make_ask(script=script)("POST", "/score", b"", x_request_id="r9")
    assert (answer.status, message(answer)[:37]) == (500, "An unexpected internal error occurred")
    assert "request r9 failed: what run() returned cannot be sent" in caplog.text


def test_a_result_is_encoded_on_the_thread_that_ran_the_script(make_ask: Callable[..., Ask]) -> None:
    script = """
import threading
def init(): ...
class Where(dict):
    def items(self): return [("encoded", threading.get_ident() == self["ran"])]
def run(data): return Where(ran=threading.get_ident())
"""
    assert json.loads(make_ask(script=script)("POST", "/score", b"").body) == {"encoded": True}


def test_a_script_sees_no_header_that_is_between_the_edge_and_us(make_ask: Callable[..., Ask]) -> None:
    ask = make_ask(script="def init(): ...\ndef run(data, request_headers): return request_headers\n", secret=b"s3cret")
    for path in ("/score", "/invocations"):
        answer = ask("POST", path, b"", x_slipway_edge="s3cret", x_slipway_other="1", x_tenant="acme")
        assert b'"X-Tenant": "acme"' in answer.body
        assert b"lipway" not in answer.body
        assert b"s3cret" not in answer.body
