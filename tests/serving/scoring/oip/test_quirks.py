"""What real clients send and look for beyond the specification, over a socket."""

import json
import struct
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from onnx import TensorProto

from tests.serving.scoring.process import Process

Ask = Callable[..., Any]
INFER = "/v2/models/linear/infer"
TENSOR = {"name": "x", "shape": [1, 3], "datatype": "FP32", "data": [1, 2, 3]}
ANSWER = {"name": "y", "datatype": "FP32", "shape": [1, 1], "data": [-6.5]}


@pytest.fixture(scope="module")
def http(linear_process: Process) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://{linear_process.http}") as client:
        yield client


def binary(document: Any, *blobs: bytes) -> tuple[bytes, str]:
    head = json.dumps(document).encode()
    return head + b"".join(blobs), str(len(head))


@pytest.mark.parametrize(
    "content_type",
    [None, "application/octet-stream", "application/x-www-form-urlencoded", "text/plain", "nonsense", ""],
)
def test_the_content_type_of_a_request_is_never_looked_at(http: httpx.Client, content_type: str | None) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    answer = http.post(INFER, content=json.dumps({"inputs": [TENSOR]}), headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")


def test_the_header_length_may_be_that_of_a_body_of_json_only(http: httpx.Client) -> None:
    body, length = binary({"inputs": [TENSOR], "id": ""})  # perf_analyzer's
    assert http.post(INFER, content=body, headers={"Inference-Header-Content-Length": length}).status_code == 200


def test_kserve_spells_the_header_in_lower_case_and_allows_compression(http: httpx.Client) -> None:
    described = {"name": "x", "shape": [1, 3], "datatype": "FP32", "parameters": {"binary_data_size": 12}}
    body, length = binary({"inputs": [described]}, struct.pack("<3f", 1, 2, 3))
    headers = {"inference-header-content-length": length, "Accept-Encoding": "gzip, deflate"}
    assert http.post(INFER, content=body, headers=headers).json()["outputs"] == [ANSWER]


@pytest.mark.parametrize(("sent", "echoed"), [({"id": "a"}, {"id": "a"}), ({"id": ""}, {}), ({}, {})])
def test_an_id_is_echoed_unless_it_is_empty(http: httpx.Client, sent: dict[str, str], echoed: dict[str, str]) -> None:
    answer = http.post(INFER, json={"inputs": [TENSOR], **sent}).json()
    assert {key: answer[key] for key in answer if key == "id"} == echoed


def test_an_output_has_no_parameters_but_its_size(http: httpx.Client) -> None:
    for binary_data in (True, False):
        output = {"name": "y", "parameters": {"binary_data": binary_data, "mine": 1}}
        answer = http.post(INFER, json={"inputs": [TENSOR], "outputs": [output]})
        length = int(answer.headers.get("inference-header-content-length", len(answer.content)))
        (given,) = json.loads(answer.content[:length])["outputs"]
        assert given.get("parameters") == ({"binary_data_size": 4} if binary_data else None)


def test_health_is_said_in_json(http: httpx.Client) -> None:
    for path, body in (
        ("/v2/health/live", {"live": True}),
        ("/v2/health/ready", {"ready": True}),
        ("/v2/models/linear/ready", {"name": "linear", "ready": True}),
        ("/v2/models/linear/versions/7/ready", {"name": "linear", "ready": True}),
    ):
        answer = http.get(path)
        assert (answer.status_code, answer.json(), answer.headers["content-type"]) == (200, body, "application/json")
        assert http.head(path).status_code == 200


@pytest.mark.parametrize("path", ["/v2/models/line%61r", "/v2/models/LINEAR", "/v2/models/linear/versions/7", "/v2/"])
def test_names_are_decoded_and_compared_without_regard_to_case(http: httpx.Client, path: str) -> None:
    assert http.get(path).status_code == 200


def test_the_models_version_is_a_string_everywhere(http: httpx.Client) -> None:
    assert http.post(INFER, json={"inputs": [TENSOR]}).json()["model_version"] == "7"
    assert http.get("/v2/models/linear").json()["versions"] == ["7"]
    assert http.post("/v2/repository/index").json()[0]["version"] == "7"


def test_no_outputs_named_and_none_asked_for_are_all(http: httpx.Client) -> None:
    assert http.post(INFER, json={"inputs": [TENSOR]}).json()["outputs"] == [ANSWER]
    nothing: list[list[Any] | None] = [[], None]
    for none in nothing:
        assert http.post(INFER, json={"inputs": [TENSOR], "outputs": none}).json()["outputs"] == [ANSWER]


def test_parameters_may_be_anywhere_and_unknown_keys_do_no_harm(http: httpx.Client) -> None:
    parameters = {"a": "text", "b": 1, "c": 1.5, "d": True, "sequence_id": 2**64, "headers": "x"}
    tensor = {**TENSOR, "parameters": parameters, "tags": ["a"]}
    body = {
        "inputs": [tensor],
        "parameters": parameters,
        "outputs": [{"name": "y", "parameters": parameters}],
        "more": {},
    }
    assert http.post(INFER, json=body).json()["outputs"] == [ANSWER]


def test_bytes_follow_in_the_order_of_the_outputs_asked_for(
    make_ask: Callable[..., Ask], identity: Callable[[dict[str, int]], bytes]
) -> None:
    ask = make_ask(model=identity({"a": TensorProto.INT32, "b": TensorProto.INT32, "c": TensorProto.INT32}))
    inputs = [{"name": name, "shape": [1], "datatype": "INT32", "data": [ord(name)]} for name in "abc"]
    outputs = [{"name": f"{name}_out", "parameters": {"binary_data": name != "a"}} for name in "cab"]
    answer = ask("POST", INFER, {"inputs": inputs, "outputs": outputs})
    length = int(dict(answer.headers)[b"inference-header-content-length"])
    described = json.loads(answer.body[:length])["outputs"]
    assert [output["name"] for output in described] == ["c_out", "a_out", "b_out"]
    assert described[1]["data"] == [ord("a")]
    assert answer.body[length:] == struct.pack("<ii", ord("c"), ord("b"))


def test_a_tensor_of_many_dimensions_may_be_nested_as_deeply(
    make_ask: Callable[..., Ask], identity: Callable[[dict[str, int]], bytes]
) -> None:
    ask = make_ask(script="import json\ndef init(): ...\ndef run(data): return 1\n")
    nested: Any = 1.0
    for _ in range(32):
        nested = [nested]
    tensor = {"name": "x", "shape": [1] * 32, "datatype": "FP32", "data": nested}
    error = json.loads(ask("POST", INFER, {"inputs": [tensor]}).body)["error"]
    assert "takes one tensor of two dimensions" in error  # it was read


def test_bf16_comes_as_bytes_to_a_script(make_ask: Callable[..., Ask]) -> None:
    ask = make_ask(script="import json\ndef init(): ...\ndef run(data): return json.loads(data)['data']\n")
    values = np.array([[1.5, -2.0, 3.140625]], dtype="<f4")
    raw = (values.view("<u4") >> 16).astype("<u2").tobytes()
    described = {"name": "x", "shape": [1, 3], "datatype": "BF16"}
    body, length = binary({"inputs": [{**described, "parameters": {"binary_data_size": 6}}]}, raw)
    answer = ask("POST", INFER, body, inference_header_content_length=length)
    assert json.loads(answer.body)["outputs"][0]["data"] == values.ravel().tolist()
    answer = ask("POST", INFER, {"inputs": [{**described, "data": [1, 2, 3]}]})
    assert (answer.status, "BF16 has no JSON form" in json.loads(answer.body)["error"]) == (400, True)
