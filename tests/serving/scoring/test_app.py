"""The door table: paths, methods, the edge's secret, ids, and each door's own shape of error."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from serving.scoring import errors

Ask = Callable[..., Any]


def test_each_door_has_its_own_shape_of_404(ask_onnx: Ask) -> None:
    assert json.loads(ask_onnx("GET", "/v2/nothing").body) == {"error": "there is nothing at /v2/nothing"}
    assert json.loads(ask_onnx("GET", "/nothing").body) == {"message": "there is nothing at /nothing"}
    assert ask_onnx("GET", "/nothing").status == 404


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("/v2/models/other", "Request for unknown model: 'other' is not found"),
        ("/v2/models/other/infer", "Request for unknown model: 'other' is not found"),
        ("/v2/models/linear/versions/8/infer", "Request for unknown model: 'linear' version 8 is not found"),
        ("/v2/models/linear/versions/abc", "Request for unknown model: 'linear' version abc is not found"),
    ],
)
def test_an_unknown_model_or_version_is_a_404(ask_onnx: Ask, path: str, error: str) -> None:
    answer = ask_onnx("GET", path)
    assert (answer.status, json.loads(answer.body), answer.content_type) == (404, {"error": error}, b"application/json")


@pytest.mark.parametrize("name", ["linear", "LINEAR", "l%69near"])
def test_names_are_equal_whatever_their_case_or_encoding(ask_onnx: Ask, name: str) -> None:
    assert json.loads(ask_onnx("GET", f"/v2/models/{name}").body)["name"] == "linear"
    assert ask_onnx("GET", f"/v2/models/{name}/versions/7/ready").status == 200


def test_a_wrong_method_is_a_405_that_names_the_right_one(ask_onnx: Ask) -> None:
    answer = ask_onnx("GET", "/v2/models/linear/infer")
    assert answer.status == 405
    assert (b"allow", b"POST") in answer.headers


def test_only_who_knows_the_secret_is_answered(make_ask: Callable[..., Ask], linear: bytes) -> None:
    ask = make_ask(model=linear, secret=b"s3cret")
    assert ask("GET", "/").status == 403
    assert ask("GET", "/", x_slipway_edge="wrong").status == 403
    assert ask("GET", "/", x_slipway_edge="s3cret").status == 200


def test_ids_are_echoed_or_made(ask_onnx: Ask) -> None:
    given = dict(ask_onnx("GET", "/", x_request_id="a", x_ms_client_request_id="b").headers)
    assert (given[b"x-request-id"], given[b"x-ms-client-request-id"]) == (b"a", b"b")
    assert len(dict(ask_onnx("GET", "/").headers)[b"x-request-id"]) == 36
    assert ask_onnx("GET", "/", x_request_id="a" * 101).status == 431


def test_health_says_ready_to_its_own_backend_only(make_ask: Callable[..., Ask], linear: bytes) -> None:
    ask = make_ask(model=linear)
    assert ask("GET", "/-/ready").status == 200
    assert ask("GET", "/-/ready?backend=linear.blue.1").status == 200
    assert ask("GET", "/-/ready?backend=linear.blue.2").status == 503


def test_health_is_503_while_draining(make_ask: Callable[..., Ask], linear: bytes) -> None:
    ask = make_ask(model=linear, state="draining")
    assert ask("GET", "/-/ready?backend=linear.blue.1").status == 503
    assert json.loads(ask("GET", "/-/status").body)["state"] == "draining"


def test_probes_of_every_kind_are_answered(ask_onnx: Ask) -> None:
    assert ask_onnx("GET", "/").body == b"Healthy"
    assert ask_onnx("HEAD", "/").status == 200
    assert ask_onnx("GET", "/ping").status == 200
    assert json.loads(ask_onnx("GET", "/v2/health/live").body) == {"live": True}
    assert json.loads(ask_onnx("GET", "/v2/health/ready").body) == {"ready": True}
    assert json.loads(ask_onnx("GET", "/v2/models/linear/ready").body) == {"name": "linear", "ready": True}
    assert sorted(json.loads(ask_onnx("GET", "/v2").body)) == ["extensions", "name", "version"]


def test_every_error_has_a_status_in_both_tables() -> None:
    def below(error: type[errors.ScoringError]) -> list[type[errors.ScoringError]]:
        return [error, *(deeper for child in error.__subclasses__() for deeper in below(child))]

    codes = [error.code for error in below(errors.ScoringError)]
    assert sorted(codes) == sorted(errors.HTTP_STATUS) == sorted(errors.GRPC_STATUS)
    assert len(set(codes)) == len(codes)


def test_a_message_is_cut_at_a_length_and_always_text(ask_onnx: Ask) -> None:
    error = errors.InvalidInput("a\ud800" * 10_000)
    assert error.message.startswith("a\\ud800a")
    assert error.message.encode().endswith("…".encode())
    body = {"inputs": [{"name": "z" * 1_000_000, "datatype": "FP32", "shape": [1], "data": [1]}]}
    answer = ask_onnx("POST", "/v2/models/linear/infer", body)
    assert (answer.status, len(answer.body) < 2000) == (400, True)


def test_every_door_answers_a_script_that_raises_no_text(make_ask: Callable[..., Ask]) -> None:
    ask = make_ask(script="def init(): ...\ndef run(data): raise ValueError(chr(0xd800))\n")
    for path in ("/score", "/invocations"):
        assert ask("POST", path, b"{}").status == 500
    tensor = {"name": "x", "datatype": "FP32", "shape": [1, 1], "data": [1]}
    answer = ask("POST", "/v2/models/linear/infer", {"inputs": [tensor]})
    assert (answer.status, json.loads(answer.body)["error"]) == (
        500,
        "the scoring script raised ValueError: \\ud800 (score.py:2)",
    )
