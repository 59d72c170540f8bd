"""What ``/v2`` answers beside inference, for bodies and paths that no client of ours sends."""

import contextlib
import json
from collections.abc import Callable
from typing import Any

import pytest

from serving.scoring.errors import ScriptFailed

Ask = Callable[..., Any]


def test_the_configuration_of_a_model_without_a_batch_has_all_its_dimensions(
    make_ask: Callable[..., Ask], script: str
) -> None:
    config = json.loads(make_ask(script=script)("GET", "/v2/models/linear/config").body)
    assert (config["max_batch_size"], config["input"], config["output"]) == (0, [], [])
    assert config["backend"] == "python"


def test_the_configuration_is_the_versions_too(ask_onnx: Ask) -> None:
    answer = ask_onnx("GET", "/v2/models/linear/versions/7/config")
    assert json.loads(answer.body) == json.loads(ask_onnx("GET", "/v2/models/linear/config").body)
    assert json.loads(answer.body)["version_policy"] == {"specific": {"versions": [7]}}


def test_statistics_have_one_shape_with_equal_counts_of_computing(ask_onnx: Ask) -> None:
    body = {"inputs": [{"name": "x", "shape": [2, 3], "datatype": "FP32", "data": [1, 2, 3, 4, 5, 6]}]}
    assert ask_onnx("POST", "/v2/models/linear/infer", body).status == 200
    assert ask_onnx("POST", "/v2/models/linear/infer", {"inputs": []}).status == 400
    paths = ("/v2/models/stats", "/v2/models/linear/stats", "/v2/models/linear/versions/7/stats")
    answers = [json.loads(ask_onnx("GET", path).body)["model_stats"] for path in paths]
    for (stats,) in answers:
        assert (stats["name"], stats["version"]) == ("linear", "7")
        assert (stats["inference_count"], stats["execution_count"]) == (2, 1)
        counts = {name: duration["count"] for name, duration in stats["inference_stats"].items()}
        zero = ("fail", "cache_hit", "cache_miss")
        assert counts == {name: 0 if name in zero else 1 for name in counts}
        assert stats["inference_stats"]["success"]["ns"] >= stats["inference_stats"]["compute_infer"]["ns"] > 0


YIELDING = """
def init(): ...
def run(data):
    yield 1
    if "x" in data:
        raise ValueError
    yield 2
"""


@pytest.mark.parametrize(
    ("script", "body", "succeeded"),
    [(YIELDING, b"{}", 1), (YIELDING, b'"x"', 0), ("def init(): ...\ndef run(data): ...\n", b"", 1)],
)
def test_what_a_script_answers_and_where_it_fails_is_counted_at_any_door(
    make_ask: Callable[..., Ask], script: str, body: bytes, succeeded: int
) -> None:
    ask = make_ask(script=script)
    with contextlib.suppress(ScriptFailed):  # what is raised after the first piece ends the connection
        ask("POST", "/score", body)
    counted = json.loads(ask("GET", "/v2/models/linear/stats").body)["model_stats"][0]["inference_stats"]
    assert (counted["success"]["count"], counted["fail"]["count"]) == (succeeded, 1 - succeeded)


@pytest.mark.parametrize("body", [b"", b" ", b"{}", b'{"ready": true}', b'{"ready": false, "more": 1}'])
def test_the_index_lists_the_model_whatever_is_asked_of_it(ask_onnx: Ask, body: bytes) -> None:
    answer = ask_onnx("POST", "/v2/repository/index", body, content_type="application/x-www-form-urlencoded")
    assert json.loads(answer.body) == [{"name": "linear", "version": "7", "state": "READY", "reason": ""}]


def test_while_draining_nothing_is_ready(make_ask: Callable[..., Ask], linear: bytes) -> None:
    ask = make_ask(model=linear, state="draining")
    for path in ("/v2/health/ready", "/v2/models/linear/ready"):
        answer = ask("GET", path)
        assert (answer.status, json.loads(answer.body)) == (503, {"error": "this scoring process is draining"})
    assert json.loads(ask("GET", "/v2/health/live").body) == {"live": True}
    assert json.loads(ask("POST", "/v2/repository/index").body)[0]["state"] == "UNAVAILABLE"
    assert json.loads(ask("POST", "/v2/repository/index", {"ready": True}).body) == []


@pytest.mark.parametrize("body", [b"[]", b'{"ready": 1}', b"{", b"\xff", b"null", b'{"ready": ' + b"[" * 100_000])
def test_a_body_that_is_none_is_a_400(ask_onnx: Ask, body: bytes) -> None:
    answer = ask_onnx("POST", "/v2/repository/index", body)
    assert answer.status == 400
    assert "the body is not what is taken here" in json.loads(answer.body)["error"]


@pytest.mark.parametrize("name", ["linear", "LINEAR", "line%61r"])
@pytest.mark.parametrize("body", [b"", b"{}", b'{"parameters": null}', b'{"parameters": {}}'])
def test_loading_the_model_that_is_here_succeeds_with_an_empty_200(ask_onnx: Ask, name: str, body: bytes) -> None:
    answer = ask_onnx("POST", f"/v2/repository/models/{name}/load", body)
    assert (answer.status, answer.body) == (200, b"")


@pytest.mark.parametrize(
    ("method", "path", "status", "error"),
    [
        ("POST", "/v2/repository/models/o%20ther/load", 404, "failed to load 'o ther', no such model is here"),
        ("POST", "/v2/repository/models/other/unload", 404, "Request for unknown model: 'other' is not found"),
        ("POST", "/v2/repository/models/linear/unload", 400, "`slipway deployment delete` ends it"),
        ("GET", "/v2/repository/index", 405, "GET is not allowed on /v2/repository/index: use POST"),
        ("GET", "/v2/repository/models/linear/load", 405, "use POST"),
        ("POST", "/v2/repository/mine/index", 404, "there is nothing at /v2/repository/mine/index"),
        ("GET", "/v2/models/other/config", 404, "Request for unknown model: 'other' is not found"),
        ("GET", "/v2/models/other/stats", 404, "Request for unknown model: 'other' is not found"),
        ("GET", "/v2/models/linear/versions/8/stats", 404, "'linear' version 8 is not found"),
        ("GET", "/v2/models/linear/versions/abc/config", 404, "'linear' version abc is not found"),
        ("POST", "/v2/models/linear/config", 405, "use GET"),
        ("POST", "/v2/models/stats/infer", 404, "Request for unknown model: 'stats' is not found"),
        ("GET", "/v2/systemsharedmemory/region/a%2Fb/status", 404, "there is no shared memory region 'a/b'"),
        ("POST", "/v2/cudasharedmemory/region/r/register", 400, "shared memory is off here"),
        ("GET", "/v2/nothing", 404, "there is nothing at /v2/nothing"),
        ("DELETE", "/v2/models/linear", 405, "DELETE is not allowed"),
    ],
)
def test_every_refusal_is_an_error_in_json(ask_onnx: Ask, method: str, path: str, status: int, error: str) -> None:
    answer = ask_onnx(method, path)
    assert (answer.status, answer.content_type) == (status, b"application/json")
    (text,) = json.loads(answer.body).values()
    assert error in text


def test_extensions_that_are_not_served_are_not_named(ask_onnx: Ask) -> None:
    extensions = json.loads(ask_onnx("GET", "/v2").body)["extensions"]
    assert {"binary_tensor_data", "classification", "model_configuration", "statistics"} <= set(extensions)
    assert not {"system_shared_memory", "cuda_shared_memory", "sequence", "trace", "logging"} & set(extensions)
