"""The same numbers through every door, from real processes, by the clients people use."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import pytest
import tritonclient.grpc
import tritonclient.http
from tritonclient.utils import InferenceServerException

ROWS = [[1.0, 2.0, 3.0], [0.25, -8.0, 0.5]]
EXPECTED = [[-6.5], [-17.25]]


@pytest.fixture(params=["onnx", "script"])
def process(request: pytest.FixtureRequest, start: Callable[..., Any], linear: bytes, script: str) -> Any:
    return start(**({"model": linear} if request.param == "onnx" else {"script": script}))


def test_every_door_gives_the_same_numbers(process: Any) -> None:
    answers = {door.__name__: door(process) for door in (score, invocations, oip_json, oip_binary, oip_grpc)}
    assert answers == dict.fromkeys(answers, EXPECTED)


def score(process: Any) -> Any:
    return httpx.post(f"http://{process.http}/score", json={"data": ROWS}).raise_for_status().json()


def invocations(process: Any) -> Any:
    form = "data" if is_script(process) else "inputs"
    answer = httpx.post(f"http://{process.http}/invocations", json={form: ROWS}).raise_for_status()
    return answer.json()["predictions"]


def oip_json(process: Any) -> Any:
    tensor = {"name": "x", "shape": [2, 3], "datatype": "FP32", "data": ROWS[0] + ROWS[1]}
    answer = httpx.post(f"http://{process.http}/v2/models/linear/infer", json={"inputs": [tensor]}).raise_for_status()
    output = answer.json()["outputs"][0]
    return np.array(output["data"]).reshape(output["shape"]).tolist()


def oip_binary(process: Any) -> Any:
    with tritonclient.http.InferenceServerClient(process.http) as client:
        return triton(client, tritonclient.http)


def oip_grpc(process: Any) -> Any:
    with tritonclient.grpc.InferenceServerClient(process.grpc) as client:
        return triton(client, tritonclient.grpc)


def triton(client: Any, kind: Any) -> Any:
    tensor = kind.InferInput("x", [2, 3], "FP32")
    tensor.set_data_from_numpy(np.array(ROWS, dtype=np.float32))
    result = client.infer("linear", [tensor], request_id="42")
    answer = result.get_response()
    described = answer if isinstance(answer, dict) else {"id": answer.id, "outputs": [{"name": answer.outputs[0].name}]}
    assert described["id"] == "42"
    return result.as_numpy(described["outputs"][0]["name"]).tolist()


def is_script(process: Any) -> bool:
    metadata = httpx.get(f"http://{process.http}/v2/models/linear").json()
    return bool(metadata["platform"] == "python_script")


def test_triton_clients_see_a_live_ready_described_model(start: Callable[..., Any], linear: bytes) -> None:
    process = start(model=linear)
    for kind, address in ((tritonclient.http, process.http), (tritonclient.grpc, process.grpc)):
        with kind.InferenceServerClient(address) as client:
            assert client.is_server_live()
            assert client.is_server_ready()
            assert client.is_model_ready("linear")
            assert client.is_model_ready("linear", "7")
            assert not client.is_model_ready("other")
            assert not client.is_model_ready("linear", "8")
            options = {"as_json": True} if kind is tritonclient.grpc else {}
            metadata = client.get_model_metadata("linear", **options)
            shape = [int(size) for size in metadata["inputs"][0]["shape"]]
            assert (metadata["inputs"][0]["name"], metadata["inputs"][0]["datatype"], shape) == ("x", "FP32", [-1, 3])


def test_triton_clients_are_told_what_is_wrong(start: Callable[..., Any], linear: bytes) -> None:
    process = start(model=linear)
    wrong = {
        "Request for unknown model: 'other' is not found": ("other", "x", [1, 3]),
        "unknown input 'z': the model has 'x'": ("linear", "z", [1, 3]),
        "input 'x': expected shape [-1, 3], got [1, 4]": ("linear", "x", [1, 4]),
    }
    for kind, address in ((tritonclient.http, process.http), (tritonclient.grpc, process.grpc)):
        with kind.InferenceServerClient(address) as client:
            for message, (model, name, shape) in wrong.items():
                tensor = kind.InferInput(name, shape, "FP32")
                tensor.set_data_from_numpy(np.zeros(shape, dtype=np.float32))
                with pytest.raises(InferenceServerException) as raised:
                    client.infer(model, [tensor])
                assert raised.value.message() == message


def test_a_raising_script_is_a_500_everywhere_and_only_the_log_has_the_traceback(start: Callable[..., Any]) -> None:
    process = start(script="def init(): pass\ndef run(data):\n    raise ValueError('secret plans')\n")
    body = {"inputs": [{"name": "x", "shape": [1, 1], "datatype": "FP32", "data": [1]}]}
    for path, door_shape in (("/score", "message"), ("/invocations", "message"), ("/v2/models/linear/infer", "error")):
        answer = httpx.post(f"http://{process.http}{path}", json=body, headers={"x-request-id": f"id-of{path}"})
        assert answer.status_code == 500
        assert list(answer.json()) == [door_shape]
        assert answer.headers["x-request-id"] == f"id-of{path}"
        assert "Traceback" not in answer.text
        assert f"id-of{path}" in process.log_text()
    assert process.log_text().count("run() raised ValueError: secret plans (score.py:3)") == 3
    assert process.log_text().count("Traceback") == 3
    with (
        tritonclient.grpc.InferenceServerClient(process.grpc) as client,
        pytest.raises(tritonclient.grpc.InferenceServerException) as raised,
    ):
        tensor = tritonclient.grpc.InferInput("x", [1, 1], "FP32")
        tensor.set_data_from_numpy(np.zeros([1, 1], dtype=np.float32))
        client.infer("linear", [tensor])
    assert raised.value.status() == "StatusCode.INTERNAL"
    assert json.dumps(raised.value.message()).count("Traceback") == 0
