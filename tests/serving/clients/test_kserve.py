"""kserve's own SDK clients."""

from typing import Any

import pytest

from tests.servers.kserve_sdk import call_kserve
from tests.servers.processes import Absent, require
from tests.serving.clients.places import Place

ROWS = [1.0, 2.0, 3.0, 0.25, -8.0, 0.5]
EXPECTED = [[-6.5], [-17.25]]
TENSOR = {"name": "x", "shape": [2, 3], "datatype": "FP32", "data": ROWS}
BINARY = {**TENSOR, "dtype": "float32", "binary": True}


@pytest.fixture
def ask(linear_at: Place) -> Any:
    def made(*calls: dict[str, Any]) -> list[dict[str, Any]]:
        where = {"grpc": linear_at.grpc, "v2": linear_at.http, "v1": linear_at.http}
        try:
            return call_kserve(
                *({"url": where[call["protocol"]], "headers": linear_at.headers, **call} for call in calls)
            )
        except Absent as reason:
            require(reason)

    return made


def test_the_grpc_client_scores_and_sees_a_ready_model(ask: Any) -> None:
    named = {"protocol": "grpc", "model": "linear"}
    answers = ask(
        {**named, "call": "infer", "inputs": [TENSOR], "id": "42"},
        {**named, "call": "infer", "inputs": [BINARY], "id": "43"},
        {**named, "call": "is_model_ready"},
        {**named, "call": "infer", "inputs": [{**TENSOR, "name": "z"}]},
        {**named, "call": "infer", "model": "other", "inputs": [TENSOR]},
    )
    for answer, request_id in zip(answers[:2], ("42", "43"), strict=True):
        assert answer["answer"]["id"] == request_id
        assert list(answer["answer"]["outputs"].values()) == [EXPECTED]
    assert answers[2] == {"answer": True}
    assert answers[3] == {"error": "AioRpcError", "message": "unknown input 'z': the model has 'x'"}
    assert answers[4]["message"].startswith("Request for unknown model: 'other' is not found")


def test_the_rest_client_scores_and_sees_a_ready_model(ask: Any) -> None:
    named = {"protocol": "v2", "model": "linear"}
    answers = ask(
        {**named, "call": "infer", "inputs": [TENSOR], "id": "42"},
        {**named, "call": "infer", "inputs": [BINARY], "id": "43"},
        {"protocol": "v2", "call": "is_server_live"},
        {"protocol": "v2", "call": "is_server_ready"},
        {**named, "call": "is_model_ready"},
        {**named, "call": "infer", "inputs": [{**TENSOR, "name": "z"}]},
    )
    for answer, request_id in zip(answers[:2], ("42", "43"), strict=True):
        assert answer["answer"]["id"] == request_id
        assert list(answer["answer"]["outputs"].values()) == [EXPECTED]
    assert answers[2:5] == [{"answer": True}] * 3
    assert answers[5]["message"].startswith("unknown input 'z': the model has 'x', '400 Bad Request'")


def test_the_rest_client_scores_by_the_first_protocol(ask: Any) -> None:
    named = {"protocol": "v1", "model": "linear"}
    rows = [ROWS[:3], ROWS[3:]]
    answers = ask(
        {**named, "call": "infer", "body": {"instances": rows}},
        {**named, "call": "infer", "body": {"inputs": {"x": rows}}},
        {**named, "call": "is_model_ready"},
        {**named, "call": "infer", "body": {"instances": [[1.0]]}},
        {**named, "call": "infer", "model": "other", "body": {"instances": rows}},
        {**named, "call": "explain", "body": {"instances": rows}},
    )
    assert answers[:2] == [{"answer": {"predictions": EXPECTED}}] * 2
    assert answers[2] == {"answer": True}
    assert answers[3]["message"].startswith("input 'x': expected shape [-1, 3], got [1, 1], '400 Bad Request'")
    assert answers[4]["message"].startswith("Model with name other does not exist.")
    assert answers[5]["message"].startswith("model 'linear' has no explainer")
