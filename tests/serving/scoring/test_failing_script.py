"""A script that raises, at every door of a real process."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import pytest
import tritonclient.grpc


def test_a_raising_script_is_a_500_everywhere_and_only_the_log_has_the_traceback(start: Callable[..., Any]) -> None:
    process = start(script="def init(): pass\ndef run(data):\n    raise ValueError('secret plans')\n")
    body = {"inputs": [{"name": "x", "shape": [1, 1], "datatype": "FP32", "data": [1]}]}
    shapes = {
        "/score": ["message"],
        "/invocations": ["error_code", "message"],
        "/v1/models/linear:predict": ["error"],
        "/v2/models/linear/infer": ["error"],
    }
    for path, shape in shapes.items():
        answer = httpx.post(f"http://{process.http}{path}", json=body, headers={"x-request-id": f"id-of{path}"})
        assert answer.status_code == 500
        assert list(answer.json()) == shape
        assert answer.headers["x-request-id"] == f"id-of{path}"
        assert "Traceback" not in answer.text
        assert f"id-of{path}" in process.log_text()
    assert process.log_text().count("run() raised ValueError: secret plans (score.py:3)") == 4
    assert process.log_text().count("Traceback") == 4
    with (
        tritonclient.grpc.InferenceServerClient(process.grpc) as client,
        pytest.raises(tritonclient.grpc.InferenceServerException) as raised,
    ):
        tensor = tritonclient.grpc.InferInput("x", [1, 1], "FP32")
        tensor.set_data_from_numpy(np.zeros([1, 1], dtype=np.float32))
        client.infer("linear", [tensor])
    assert raised.value.status() == "StatusCode.INTERNAL"
    assert json.dumps(raised.value.message()).count("Traceback") == 0
