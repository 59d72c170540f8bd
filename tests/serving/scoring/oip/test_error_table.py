"""Every row of what Triton, MLServer and KServe refuse, over sockets: HTTP's status and gRPC's code side by side.

What is malformed is always the client's mistake here, also where one of them says 500 or wraps a number.
"""

import json
import struct
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import httpx
import pytest

from serving.scoring.oip.grpc_messages import message_classes
from tests.serving.scoring.oip.conftest import KINDS
from tests.serving.scoring.process import Process

MESSAGES = message_classes()
INFER = "/v2/models/linear/infer"
ROW = struct.pack("<3f", 1, 2, 3)
OK, INVALID, UNKNOWN = grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND


class Doors:
    """Both doors of one process, asked in raw bytes."""

    def __init__(self, process: Process, http: httpx.Client, channel: grpc.Channel) -> None:
        self._http, self._channel = http, channel
        self._base = f"http://{process.http}"

    def http(self, method: str, path: str, content: bytes = b"", **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = self._http.request(method, f"{self._base}{path}", content=content, headers=named)
        if answer.status_code != 200:
            assert answer.headers["content-type"] == "application/json"
            (text,) = [answer.json()["error"]]
            assert isinstance(text, str)
        return answer

    def grpc(self, method: str, message: Any) -> tuple[grpc.StatusCode, Any]:
        call = self._channel.unary_unary(f"/inference.GRPCInferenceService/{method}")
        try:
            return OK, MESSAGES[f"{method}Response"].FromString(call(message.SerializeToString(), timeout=10))
        except grpc.RpcError as error:
            return error.code(), error.details()


@pytest.fixture(scope="module")
def linear(linear_process: Process) -> Iterator[Doors]:
    with httpx.Client() as http, grpc.insecure_channel(linear_process.grpc) as channel:
        yield Doors(linear_process, http, channel)


@pytest.fixture(scope="module")
def kinds(kinds_process: Process) -> Iterator[Doors]:
    with httpx.Client() as http, grpc.insecure_channel(kinds_process.grpc) as channel:
        yield Doors(kinds_process, http, channel)


def tensor(**changes: Any) -> dict[str, Any]:
    return {"name": "x", "shape": [1, 3], "datatype": "FP32", **changes}


def asked_http(*inputs: dict[str, Any], **rest: Any) -> bytes:
    """A request in JSON; an input without ``data`` has as many ones as its shape takes, three at most."""
    return json.dumps({"inputs": [{"data": [1, 2, 3], **one} for one in inputs], **rest}).encode()


def asked_grpc(*inputs: dict[str, Any], **rest: Any) -> Any:
    filled = [{"contents": {"fp32_contents": [1, 2, 3]}, **one} for one in inputs]
    return MESSAGES["ModelInferRequest"](**{"model_name": "linear", "inputs": filled, **rest})


@pytest.mark.parametrize(
    ("inputs", "outputs", "named"),
    [
        ([tensor(name="z")], [], "unknown input 'z': the model has 'x'"),
        ([], [], "missing input 'x'"),
        ([tensor(), tensor(name="z")], [], "unknown input 'z'"),
        ([tensor(), tensor()], [], "input 'x' is given twice"),
        ([tensor(datatype="INT32")], [], "expected datatype FP32, got INT32"),
        ([tensor(datatype="BF16")], [], "expected datatype FP32, got BF16"),
        ([tensor(datatype="FP33")], [], "unknown datatype 'FP33'"),
        ([tensor(datatype="")], [], "unknown datatype ''"),
        ([tensor(shape=[3])], [], "expected shape [-1, 3], got [3]"),
        ([tensor(shape=[1, 1, 3])], [], "expected shape [-1, 3], got [1, 1, 3]"),
        ([tensor(shape=[3, 1])], [], "expected shape [-1, 3], got [3, 1]"),
        ([tensor(shape=[2, 3])], [], "shape [2, 3] takes 6 elements"),
        ([tensor(shape=[])], [], "takes 1 elements"),
        ([tensor(shape=[2**31, 2**31, 2**31])], [], "takes"),
        ([tensor(shape=[1] * 101)], [], "shape has 101 dimensions"),
        ([tensor()], [{"name": "q"}], "unknown output 'q': the model has 'y'"),
        ([tensor()], [{"name": "y"}, {"name": "y"}], "output 'y' is requested twice"),
    ],
)
def test_inputs_and_outputs_that_do_not_fit_are_refused_at_both_doors(
    linear: Doors, inputs: list[dict[str, Any]], outputs: list[dict[str, Any]], named: str
) -> None:
    answer = linear.http("POST", INFER, asked_http(*inputs, outputs=outputs))
    assert (answer.status_code, named in answer.json()["error"]) == (400, True), answer.text
    code, said = linear.grpc("ModelInfer", asked_grpc(*inputs, outputs=outputs))
    assert (code, named in said) == (INVALID, True), said


@pytest.mark.parametrize(
    ("name", "version", "http", "code"),
    [
        ("other", "", 404, UNKNOWN),
        ("linear", "99", 404, UNKNOWN),
        ("linear", "0007", 404, UNKNOWN),
        ("linear", "9" * 400, 404, UNKNOWN),
        ("linear", "abc", 404, INVALID),
        ("linear", "7x", 404, INVALID),
    ],
)
def test_an_unknown_model_or_version_is_told_apart_from_one_that_is_none(
    linear: Doors, name: str, version: str, http: int, code: grpc.StatusCode
) -> None:
    base = f"/v2/models/{name}" + (f"/versions/{version}" if version else "")
    for method, rest in (("POST", "/infer"), ("GET", ""), ("GET", "/config"), ("GET", "/stats")):
        assert linear.http(method, base + rest, asked_http(tensor())).status_code == http
    assert linear.grpc("ModelInfer", asked_grpc(tensor(), model_name=name, model_version=version))[0] == code
    for call in ("ModelMetadata", "ModelConfig", "ModelStatistics"):
        assert linear.grpc(call, MESSAGES[f"{call}Request"](name=name, version=version))[0] == code
    assert linear.http("GET", f"{base}/ready").status_code == 404
    assert linear.grpc("ModelReady", MESSAGES["ModelReadyRequest"](name=name, version=version))[1].ready is False


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", INFER, 405),
        ("PUT", INFER, 405),
        ("DELETE", "/v2", 405),
        ("POST", "/v2/health/live", 405),
        ("GET", "/v2/models", 404),
        ("GET", "/v2/models/linear/nothing", 404),
        ("GET", "/v2/models/linear/versions", 404),
        ("GET", "/v2/models/linear/versions/7/nothing", 404),
        ("GET", "/v2//health/live", 404),
    ],
)
def test_a_wrong_method_or_route_is_an_error_in_json(linear: Doors, method: str, path: str, status: int) -> None:
    assert linear.http(method, path).status_code == status


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"{}",
        b'{"inputs": null}',
        b'{"inputs": {}}',
        b'{"inputs": [null]}',
        b'{"inputs": []}',
        asked_http(tensor(shape=["1", 3])),
        asked_http(tensor(shape=[1.5, 3])),
        asked_http(tensor(shape=[True, 3])),
        asked_http(tensor(shape=[-1, 3])),
        asked_http(tensor(shape=[2**63, 3])),
        asked_http(tensor(shape=None)),
        asked_http(tensor(data=None)),
        asked_http(tensor(data="123")),
        asked_http(tensor(data={"0": 1})),
        asked_http(tensor(data=[1, 2, None])),
        asked_http(tensor(data=[1, 2, "3"])),
        asked_http(tensor(data=[1, 2, True])),
        asked_http(tensor(data=[[1, 2], [3]])),
        asked_http(tensor(data=[[1], [2], [3]])),
        asked_http(tensor(data=[1, 2, 1e39])),
        asked_http(tensor(parameters=[])),
        asked_http(tensor(parameters={"a": {}})),
        asked_http(tensor(), parameters="a"),
        asked_http(tensor(), parameters={"a": None}),
        asked_http(tensor(), parameters={"binary_data_output": "true"}),
        asked_http(tensor(), parameters={"timeout": -1}),
        asked_http(tensor(), parameters={"timeout": 1.5}),
        asked_http(tensor(), parameters={"timeout": 10**400}),
        asked_http(tensor(), id=7),
        asked_http(tensor(), outputs={}),
        asked_http(tensor(), outputs=[{}]),
        asked_http(tensor(), outputs=[{"name": "y", "parameters": {"binary_data": 1}}]),
        asked_http(tensor(), outputs=[{"name": "y", "parameters": {"classification": "2"}}]),
        asked_http(tensor(data=[1, 2, 3]))[:-1] + b"} {}",
        asked_http(tensor()).replace(b"[1, 2, 3]", b"[" * 101 + b"1" + b"]" * 101),
        asked_http(tensor()).replace(b"[1, 2, 3]", b"[" * 200_000),
        b'{"deep": ' + b"[" * 200_000 + b"]" * 200_000 + b"}",
        asked_http(tensor()).replace(b'"x"', b'"\xff"'),
        asked_http(tensor()).replace(b"[1, 2, 3]", b"[1, 2, 1e999]"),
        asked_http(tensor()).replace(b"[1, 2, 3]", b"[1, 2, 03]"),
    ],
    ids=lambda body: repr(body[-60:]),
)
def test_malformed_json_is_a_400(linear: Doors, body: bytes) -> None:
    assert linear.http("POST", INFER, body).status_code == 400


def sized(size: Any, **changes: Any) -> dict[str, Any]:
    return {**tensor(**changes), "parameters": {"binary_data_size": size}}


@pytest.mark.parametrize(
    ("described", "blob"),
    [
        (sized(12), ROW[:-1]),
        (sized(12), ROW + b"1"),
        (sized(12), b""),
        (sized(11), ROW[:-1]),
        (sized(0), ROW),
        (sized(-12), ROW),
        (sized(12.0), ROW),
        (sized("12"), ROW),
        (sized(True), ROW),
        (sized(None), ROW),
        (sized(2**63), ROW),
        ({**sized(12), "data": [1, 2, 3]}, ROW),
        (tensor(), ROW),
        (sized(12, shape=[2**40, 2**40]), ROW),
        (sized(0, shape=[0, 2**40, 2**40]), b""),
    ],
)
def test_bytes_of_a_wrong_size_are_a_400(linear: Doors, described: dict[str, Any], blob: bytes) -> None:
    head = json.dumps({"inputs": [described]}).encode()
    assert linear.http("POST", INFER, head + blob, inference_header_content_length=str(len(head))).status_code == 400


@pytest.mark.parametrize("length", ["-1", "abc", "1e2", "0x10", "+5", "99999999", str(10**20), "", "1, 2", "12.0"])
def test_a_header_length_that_is_none_is_a_400(linear: Doors, length: str) -> None:
    head = json.dumps({"inputs": [sized(12)]}).encode()
    assert linear.http("POST", INFER, head + ROW, inference_header_content_length=length).status_code == 400
    assert linear.http("POST", INFER, head + ROW, inference_header_content_length="5").status_code == 400


@pytest.mark.parametrize(
    "message",
    [
        asked_grpc(tensor(), raw_input_contents=[ROW]),
        asked_grpc(tensor(contents={"fp32_contents": []})),
        asked_grpc(tensor(contents={"fp32_contents": [1, 2]})),
        asked_grpc(tensor(contents={"fp64_contents": [1, 2, 3]})),
        asked_grpc(tensor(contents={"fp32_contents": [1, 2, 3], "int_contents": [1]})),
        asked_grpc(tensor(shape=[-1, 3])),
        asked_grpc(tensor(shape=[-(2**63), 3])),
        MESSAGES["ModelInferRequest"](model_name="linear", inputs=[tensor()]),
        MESSAGES["ModelInferRequest"](model_name="linear", inputs=[tensor()], raw_input_contents=[ROW[:-1]]),
        MESSAGES["ModelInferRequest"](model_name="linear", inputs=[tensor()], raw_input_contents=[ROW, ROW]),
        MESSAGES["ModelInferRequest"](model_name="linear", raw_input_contents=[ROW]),
        asked_grpc(tensor(), parameters={"timeout": {"string_param": "1"}}),
        asked_grpc(tensor(), parameters={"timeout": {}}),
        asked_grpc(tensor(), outputs=[{"name": "y", "parameters": {"classification": {"string_param": "1"}}}]),
        asked_grpc(tensor(), outputs=[{"name": "y", "parameters": {"shared_memory_region": {"string_param": "r"}}}]),
        asked_grpc(tensor(parameters={"shared_memory_region": {"string_param": "r"}})),
    ],
)
def test_contents_that_are_mixed_missing_or_of_a_wrong_size_are_invalid(linear: Doors, message: Any) -> None:
    assert linear.grpc("ModelInfer", message)[0] == INVALID


@pytest.mark.parametrize("datatype", [name for name in KINDS if "INT" in name])
def test_a_number_out_of_range_is_never_wrapped(kinds: Doors, datatype: str) -> None:
    bits, signed = int(datatype.lstrip("UINT")), datatype.startswith("INT")
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    for number in (low - 1, high + 1, 1.5, 1.0, "1", True, 10**30):
        body = asked_http(tensor(name=datatype, datatype=datatype, shape=[1], data=[number]))
        answer = kinds.http("POST", INFER, body)
        assert answer.status_code == 400
        assert f"input '{datatype}'" in answer.json()["error"]
    if bits < 32:
        field = "int_contents" if signed else "uint_contents"
        for number in (low - 1, high + 1):
            if signed or number >= 0:
                one = tensor(name=datatype, datatype=datatype, shape=[1], contents={field: [number]})
                code, said = kinds.grpc("ModelInfer", asked_grpc(one))
                assert (code, f"out of range for {datatype}" in said) == (INVALID, True)


@pytest.mark.parametrize(("datatype", "values"), [("FP16", [1.5]), ("BOOL", [1]), ("BYTES", [1]), ("BYTES", [None])])
def test_what_has_no_such_form_in_json_is_a_400(kinds: Doors, datatype: str, values: list[Any]) -> None:
    body = asked_http(tensor(name=datatype, datatype=datatype, shape=[1], data=values))
    assert kinds.http("POST", INFER, body).status_code == 400


def test_a_model_that_raises_is_the_servers_failure_with_its_words(start: Callable[..., Process]) -> None:
    process = start(script="def init(): ...\ndef run(data): raise ValueError('no such row')\n")
    with httpx.Client() as http, grpc.insecure_channel(process.grpc) as channel:
        doors = Doors(process, http, channel)
        answer = doors.http("POST", INFER, asked_http(tensor()))
        assert (answer.status_code, "ValueError: no such row" in answer.json()["error"]) == (500, True)
        code, said = doors.grpc("ModelInfer", asked_grpc(tensor()))
        assert (code, "ValueError: no such row" in said) == (grpc.StatusCode.INTERNAL, True)


def test_an_empty_batch_is_answered_or_the_models_refusal(linear: Doors) -> None:
    answer = linear.http("POST", INFER, asked_http(tensor(shape=[0, 3], data=[])))
    assert answer.json()["outputs"] == [{"name": "y", "datatype": "FP32", "shape": [0, 1], "data": []}]
    empty: list[dict[str, list[float]]] = [{"fp32_contents": []}, {}]
    for contents in empty:
        code, answered = linear.grpc("ModelInfer", asked_grpc(tensor(shape=[0, 3], contents=contents)))
        assert (code, list(answered.outputs[0].shape), list(answered.raw_output_contents)) == (OK, [0, 1], [b""])


def test_a_request_that_takes_longer_than_it_allows_is_late(start: Callable[..., Process]) -> None:
    process = start(script="import time\ndef init(): ...\ndef run(data): time.sleep(0.5)\n")
    with httpx.Client() as http, grpc.insecure_channel(process.grpc) as channel:
        doors = Doors(process, http, channel)
        answer = doors.http("POST", INFER, asked_http(tensor(), parameters={"timeout": 20_000}))
        assert (answer.status_code, answer.json()["error"]) == (504, "no answer within 20 ms")
        late = asked_grpc(tensor(), parameters={"timeout": {"int64_param": 20_000}})
        assert doors.grpc("ModelInfer", late)[0] == grpc.StatusCode.DEADLINE_EXCEEDED
