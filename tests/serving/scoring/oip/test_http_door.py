"""The Open Inference Protocol over HTTP: JSON and binary tensors, and what is wrong with them."""

import json
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto

Ask = Callable[..., Any]
INFER = "/v2/models/linear/infer"
ROW = np.array([[1, 2, 3]], dtype="<f4")


def tensor(**changes: Any) -> dict[str, Any]:
    fields = {"name": "x", "shape": [1, 3], "datatype": "FP32", "data": [1, 2, 3], **changes}
    return {name: value for name, value in fields.items() if value is not None}


def binary(ask: Ask, document: Any, *blobs: bytes) -> Any:
    head = json.dumps(document).encode()
    return ask("POST", INFER, head + b"".join(blobs), inference_header_content_length=str(len(head)))


@pytest.mark.parametrize("data", [[1, 2, 3], [[1, 2, 3]], [1.0, 2.0, 3.0]])
def test_data_may_be_flat_or_nested(ask_onnx: Ask, data: Any) -> None:
    answer = ask_onnx("POST", INFER, {"id": "a", "inputs": [tensor(data=data)]})
    assert json.loads(answer.body) == {
        "model_name": "linear",
        "model_version": "7",
        "id": "a",
        "outputs": [{"name": "y", "datatype": "FP32", "shape": [1, 1], "data": [-6.5]}],
    }


def test_binary_in_and_binary_out(ask_onnx: Ask) -> None:
    described = tensor(data=None, parameters={"binary_data_size": 12})
    answer = binary(ask_onnx, {"inputs": [described], "parameters": {"binary_data_output": True}}, ROW.tobytes())
    length = int(dict(answer.headers)[b"inference-header-content-length"])
    assert json.loads(answer.body[:length])["outputs"] == [
        {"name": "y", "datatype": "FP32", "shape": [1, 1], "parameters": {"binary_data_size": 4}}
    ]
    assert struct.unpack("<f", answer.body[length:]) == (-6.5,)
    assert answer.content_type == b"application/octet-stream"


def test_an_output_asked_for_as_json_beats_the_default(ask_onnx: Ask) -> None:
    outputs = [{"name": "y", "parameters": {"binary_data": False}}]
    body = {"inputs": [tensor()], "outputs": outputs, "parameters": {"binary_data_output": True}}
    assert json.loads(ask_onnx("POST", INFER, body).body)["outputs"][0]["data"] == [-6.5]


@pytest.mark.parametrize(
    ("kind", "datatype", "dtype", "values"),
    [
        (TensorProto.BOOL, "BOOL", "?", [True, False]),
        (TensorProto.UINT8, "UINT8", "u1", [0, 255]),
        (TensorProto.UINT64, "UINT64", "<u8", [0, 2**64 - 1]),
        (TensorProto.INT8, "INT8", "i1", [-128, 127]),
        (TensorProto.INT64, "INT64", "<i8", [-(2**63), 2**63 - 1]),
        (TensorProto.FLOAT16, "FP16", "<f2", [0.5, -65504]),
        (TensorProto.DOUBLE, "FP64", "<f8", [1e300, -0.1]),
    ],
)
def test_every_datatype_comes_back_as_it_went_in(
    make_ask: Callable[..., Ask],
    identity: Callable[[dict[str, int]], bytes],
    kind: int,
    datatype: str,
    dtype: str,
    values: list[Any],
) -> None:
    ask = make_ask(model=identity({"v": kind}))
    raw = np.array(values, dtype=dtype).tobytes()
    described = {"name": "v", "shape": [2], "datatype": datatype, "parameters": {"binary_data_size": len(raw)}}
    answer = binary(ask, {"inputs": [described], "parameters": {"binary_data_output": True}}, raw)
    assert answer.body.endswith(b"}" + raw)
    if datatype != "FP16":
        as_json = {"inputs": [{"name": "v", "shape": [2], "datatype": datatype, "data": values}]}
        assert json.loads(ask("POST", INFER, as_json).body)["outputs"][0]["data"] == values


def test_strings_come_back_as_they_went_in(
    make_ask: Callable[..., Ask], identity: Callable[[dict[str, int]], bytes]
) -> None:
    ask = make_ask(model=identity({"v": TensorProto.STRING}))
    raw = b"".join(struct.pack("<I", len(item)) + item for item in (b"", "grün".encode()))
    described = {"name": "v", "shape": [2], "datatype": "BYTES", "parameters": {"binary_data_size": len(raw)}}
    answer = binary(ask, {"inputs": [described], "parameters": {"binary_data_output": True}}, raw)
    assert answer.body.endswith(b"}" + raw)
    assert json.loads(binary(ask, {"inputs": [described]}, raw).body)["outputs"][0]["data"] == ["", "grün"]


def test_blobs_lie_in_the_order_of_the_inputs(
    make_ask: Callable[..., Ask], identity: Callable[[dict[str, int]], bytes]
) -> None:
    ask = make_ask(model=identity({"a": TensorProto.INT32, "b": TensorProto.INT32}))
    size = {"binary_data_size": 4}
    inputs = [{"name": name, "shape": [1], "datatype": "INT32", "parameters": size} for name in ("b", "a")]
    answer = json.loads(binary(ask, {"inputs": inputs}, struct.pack("<ii", 20, 10)).body)
    assert {output["name"]: output["data"] for output in answer["outputs"]} == {"a_out": [10], "b_out": [20]}


@pytest.mark.parametrize(
    ("document", "error"),
    [
        ({}, "inputs"),
        ({"inputs": []}, "missing input 'x'"),
        ({"inputs": [tensor(), tensor()]}, "input 'x' is given twice"),
        ({"inputs": [tensor(name="z")]}, "unknown input 'z': the model has 'x'"),
        ({"inputs": [tensor(datatype="FP33")]}, "input 'x': unknown datatype 'FP33'"),
        ({"inputs": [tensor(datatype="INT32")]}, "input 'x': expected datatype FP32, got INT32"),
        ({"inputs": [tensor(shape=[1, 4])]}, "input 'x': shape [1, 4] takes 4 elements, and data has 3"),
        ({"inputs": [tensor(shape=[3])]}, "input 'x': expected shape [-1, 3], got [3]"),
        ({"inputs": [tensor(shape=[-1, 3])]}, "shape"),
        ({"inputs": [tensor(shape=[2**33, 2**33])]}, "takes 73786976294838206464 elements"),
        ({"inputs": [tensor(shape="1,3")]}, "shape"),
        ({"inputs": [tensor(data=None)]}, "neither data nor parameters.binary_data_size"),
        ({"inputs": [tensor(data=[[1, 2], [3]])]}, "rows are not of equal length"),
        ({"inputs": [tensor(data="abc")]}, "input 'x'"),
        ({"inputs": [tensor(parameters={"binary_data_size": 12})]}, "both data and parameters.binary_data_size"),
        ({"inputs": [tensor()], "outputs": [{"name": "q"}]}, "unknown output 'q': the model has 'y'"),
        ({"inputs": [tensor()], "outputs": [{"name": "y"}, {"name": "y"}]}, "output 'y' is requested twice"),
        ({"inputs": [tensor()], "id": 7}, "id"),
        ({"inputs": [tensor(parameters={"shared_memory_region": "r"})]}, "shared memory is off here"),
    ],
)
def test_a_malformed_request_is_a_400_that_names_the_fault(ask_onnx: Ask, document: Any, error: str) -> None:
    answer = ask_onnx("POST", INFER, document)
    assert answer.status == 400
    assert error in json.loads(answer.body)["error"]


@pytest.mark.parametrize(
    ("size", "blob", "error"),
    [
        (12, ROW.tobytes()[:8], "binary_data_size is 12, and 8 bytes are left of the body"),
        (12, ROW.tobytes() + b"more", "4 bytes are left over after the last input"),
        (8, ROW.tobytes()[:8], "FP32 of shape [1, 3] takes 12 bytes, and 8 came"),
        (-1, ROW.tobytes(), "binary_data_size must be a whole number, got -1"),
        (True, ROW.tobytes(), "binary_data_size must be a whole number, got True"),
        (10**20, ROW.tobytes(), "binary_data_size"),
    ],
)
def test_binary_of_the_wrong_size_is_a_400(ask_onnx: Ask, size: int, blob: bytes, error: str) -> None:
    answer = binary(ask_onnx, {"inputs": [tensor(data=None, parameters={"binary_data_size": size})]}, blob)
    assert answer.status == 400
    assert error in json.loads(answer.body)["error"]


@pytest.mark.parametrize("length", ["-1", "abc", "99999", "1" + "0" * 20, "", "²"])
def test_a_bad_header_length_is_a_400(ask_onnx: Ask, length: str) -> None:
    answer = ask_onnx("POST", INFER, {"inputs": [tensor()]}, inference_header_content_length=length)
    assert answer.status == 400


def test_bare_nan_is_read_and_written(
    make_ask: Callable[..., Ask], identity: Callable[[dict[str, int]], bytes]
) -> None:
    ask = make_ask(model=identity({"v": TensorProto.FLOAT}))
    body = b'{"inputs": [{"name": "v", "shape": [2], "datatype": "FP32", "data": [NaN, -Infinity]}]}'
    assert b"[NaN, -Infinity]" in ask("POST", INFER, body).body


def test_a_script_takes_one_matrix_of_any_name(ask_script: Ask) -> None:
    answer = ask_script("POST", INFER, {"inputs": [tensor(name="anything")]})
    assert json.loads(answer.body)["outputs"] == [
        {"name": "output_0", "datatype": "FP64", "shape": [1, 1], "data": [-6.5]}
    ]


@pytest.mark.parametrize("inputs", [[tensor(shape=[3])], [tensor(), tensor(name="y")], []])
def test_anything_else_given_to_a_script_is_a_400_that_names_the_remedy(ask_script: Ask, inputs: Any) -> None:
    answer = ask_script("POST", INFER, {"inputs": inputs})
    assert answer.status == 400
    assert "inference-schema" in json.loads(answer.body)["error"]


@pytest.mark.parametrize(
    ("result", "datatype", "data"),
    [
        ("[1, 2]", "INT64", [1, 2]),
        ("3.5", "FP64", [3.5]),
        ("['a', 'b']", "BYTES", ["a", "b"]),
        ("[True]", "BOOL", [True]),
        ("{'a': [1, 2]}", "BYTES", ['{"a": [1, 2]}']),
        ("[[1], [2, 3]]", "BYTES", ["[[1], [2, 3]]"]),
        ("None", "BYTES", ["null"]),
    ],
)
def test_what_a_script_returns_is_one_output(
    make_ask: Callable[..., Ask], result: str, datatype: str, data: Any
) -> None:
    ask = make_ask(script=f"def init(): ...\ndef run(data): return {result}\n")
    output = json.loads(ask("POST", INFER, {"inputs": [tensor()]}).body)["outputs"][0]
    assert (output["datatype"], output["data"]) == (datatype, data)


@pytest.mark.parametrize("result", ["'\\ud800'", "['\\udfff', 'a']"])
def test_a_script_that_returns_no_unicode_text_is_told_so(make_ask: Callable[..., Ask], result: str) -> None:
    answer = make_ask(script=f"def init(): ...\ndef run(data): return {result}\n")(
        "POST", INFER, {"inputs": [tensor()]}
    )
    assert answer.status == 500
    assert "what the scoring script returned cannot be sent: UnicodeEncodeError" in json.loads(answer.body)["error"]


@pytest.mark.parametrize(
    "changes",
    [{"name": "\ud800"}, {"datatype": "\ud800"}, {"id": "\ud800"}, {"outputs": [{"name": "\ud800"}]}],
)
def test_a_lone_surrogate_is_a_400_that_shows_it_escaped(ask_onnx: Ask, changes: dict[str, Any]) -> None:
    of_tensor = {key: changes[key] for key in changes if key in ("name", "datatype")}
    rest = {key: changes[key] for key in changes if key not in of_tensor}
    document = {"inputs": [tensor(data=[float("nan"), 1, 2], **of_tensor)], **rest}
    answer = ask_onnx("POST", INFER, json.dumps(document).encode())
    assert answer.status == 400
    assert "\\ud800" in json.loads(answer.body)["error"]


@pytest.mark.parametrize("text", [b'"\xff"', b'["\xff"]', b'[NaN, "\xff"]'])
def test_data_that_is_not_utf8_is_a_400(
    make_ask: Callable[..., Ask], identity: Callable[[dict[str, int]], bytes], text: bytes
) -> None:
    ask = make_ask(model=identity({"v": TensorProto.STRING}))
    body = b'{"inputs": [{"name": "v", "shape": [1], "datatype": "BYTES", "data": %b}]}' % text
    for path, content in (
        (INFER, body),
        ("/score", b'{"data": %b}' % text),
        ("/score", b'{"data": {%b: 1}}' % text[1:-1]),
        ("/invocations", b'{"inputs": %b}' % text),
        ("/invocations", b'{"inputs": {"\xff": 1}}'),
        ("/invocations", b'{"dataframe_split": {"columns": ["\xff"], "data": [[1]]}}'),
    ):
        assert ask("POST", path, content).status == 400


@pytest.mark.parametrize("shape", [[1] * 33, [1] * 65, [1] * 100_000, [0, 1 << 40, 1 << 40]])
@pytest.mark.parametrize("form", ["json", "binary", "strings", "bools"])
def test_a_shape_that_no_array_has_is_a_400(
    make_ask: Callable[..., Ask], identity: Callable[[dict[str, int]], bytes], shape: list[int], form: str
) -> None:
    kinds = {"bools": TensorProto.BOOL, "strings": TensorProto.STRING}
    ask = make_ask(model=identity({"x": kinds.get(form, TensorProto.FLOAT)}))
    count = 0 if 0 in shape else 1
    if form == "json":
        answer = ask("POST", INFER, {"inputs": [tensor(shape=shape, data=[1.0] * count)]})
    else:
        datatype, blob = {"binary": ("FP32", b"1234"), "bools": ("BOOL", b"1"), "strings": ("BYTES", b"\1\0\0\0a")}[
            form
        ]
        size = {"binary_data_size": len(blob) * count}
        described = tensor(shape=shape, datatype=datatype, data=None, parameters=size)
        answer = binary(ask, {"inputs": [described]}, blob * count)
    assert answer.status == 400
    assert "input 'x': shape" in json.loads(answer.body)["error"]


@pytest.mark.parametrize("kind", ["script", "onnx"])
def test_bytes_that_are_no_text_are_a_400(
    make_ask: Callable[..., Ask], identity: Callable[[dict[str, int]], bytes], script: str, kind: str
) -> None:
    ask = make_ask(script=script) if kind == "script" else make_ask(model=identity({"x": TensorProto.STRING}))
    raw = b"\x01\0\0\0\xff"
    described = tensor(datatype="BYTES", shape=[1, 1], data=None, parameters={"binary_data_size": len(raw)})
    answer = binary(ask, {"inputs": [described]}, raw)
    assert answer.status == 400
    assert "input 'x': an element of BYTES is not UTF-8" in json.loads(answer.body)["error"]
