"""ModelInfer over messages of tritonclient's, and what it makes of malformed ones."""

from collections.abc import Callable
from typing import Any

import grpc
import numpy as np
import pytest
import tritonclient.grpc
from onnx import TensorProto
from tritonclient.grpc import service_pb2

from serving.scoring.errors import InvalidInput
from serving.scoring.oip.grpc_codec import decode_request, encode_response
from serving.scoring.oip.grpc_messages import message_classes
from serving.scoring.tensors import Signature, TensorSpec

MESSAGES = message_classes()
SIGNATURE = Signature([TensorSpec("x", "FP32", [-1, 3])], [TensorSpec("y", "FP32", [-1, 1])])


def test_a_message_of_tritonclient_is_read_and_answered_in_its_terms() -> None:
    theirs = service_pb2.ModelInferRequest(model_name="m", id="a", raw_input_contents=[b"\0" * 12])
    theirs.inputs.add(name="x", datatype="FP32", shape=[1, 3])
    theirs.parameters["priority"].uint64_param = 2**63
    ours = MESSAGES["ModelInferRequest"].FromString(theirs.SerializeToString())
    assert ours.parameters["priority"].WhichOneof("parameter_choice") == "uint64_param"
    assert decode_request(ours, SIGNATURE)["x"].tolist() == [[0, 0, 0]]
    response = MESSAGES["ModelInferResponse"](model_name="m", id="a")
    encode_response(ours, {"y": np.array([[2.5]], dtype=np.float32)}, response, True)
    result = tritonclient.grpc.InferResult(service_pb2.ModelInferResponse.FromString(response.SerializeToString()))
    assert result.as_numpy("y").tolist() == [[2.5]]


def request(*inputs: dict[str, Any], **fields: Any) -> Any:
    return MESSAGES["ModelInferRequest"](inputs=inputs, **fields)


def tensor(**changes: Any) -> dict[str, Any]:
    return {"name": "x", "datatype": "FP32", "shape": [1, 3], **changes}


@pytest.mark.parametrize(
    ("message", "named"),
    [
        (request(tensor()), "shape [1, 3] takes 3 elements, and fp32_contents has 0"),
        (request(tensor(contents={"fp32_contents": [1, 2]})), "takes 3 elements, and fp32_contents has 2"),
        (request(tensor(contents={"int_contents": [1, 2, 3]})), "belongs in fp32_contents, and int_contents is filled"),
        (request(tensor(), raw_input_contents=[b"123"]), "takes 12 bytes, and 3 came"),
        (request(tensor(), raw_input_contents=[b"", b""]), "raw_input_contents has 2 entries for 1 inputs"),
        (
            request(tensor(contents={"fp32_contents": [1, 2, 3]}), raw_input_contents=[b"\0" * 12]),
            "both contents and raw_input_contents",
        ),
        (request(tensor(shape=[-1, 3])), "has a negative size"),
        (request(tensor(shape=[2**62, 2**62]), raw_input_contents=[b""]), "bytes, and 0 came"),
        (request(tensor(shape=[1] * 33), raw_input_contents=[b"1234"]), "shape has 33 dimensions, and 32 are allowed"),
        (request(tensor(shape=[1] * 100, contents={"fp32_contents": [1]})), "shape has 100 dimensions"),
        (request(tensor(shape=[0, 2**62, 2**62]), raw_input_contents=[b""]), "larger than any array"),
        (request(tensor(shape=[0, 2**62, 2**62], contents={})), "larger than any array"),
        (request(tensor(datatype="FP33")), "unknown datatype 'FP33'"),
        (request(tensor(datatype="INT8")), "expected datatype FP32, got INT8"),
        (request(tensor(name="z")), "unknown input 'z'"),
        (request(tensor(contents={"fp32_contents": [1, 2, 3]}), tensor()), "given twice"),
    ],
)
def test_a_malformed_request_names_the_fault(message: Any, named: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        decode_request(message, SIGNATURE)
    assert named in raised.value.message


def test_bytes_that_are_no_text_are_refused_in_both_forms() -> None:
    described = tensor(datatype="BYTES", shape=[1])
    for message in (
        request({**described, "contents": {"bytes_contents": [b"\xff"]}}),
        request(described, raw_input_contents=[b"\1\0\0\0\xff"]),
    ):
        with pytest.raises(InvalidInput, match="an element of BYTES is not UTF-8"):
            decode_request(message, None)


def test_typed_contents_are_never_wrapped() -> None:
    signature = Signature([TensorSpec("x", "INT8", [1])], [])
    good = request(tensor(datatype="INT8", shape=[1], contents={"int_contents": [-128]}))
    assert decode_request(good, signature)["x"].tolist() == [-128]
    with pytest.raises(InvalidInput, match="out of range for INT8"):
        decode_request(request(tensor(datatype="INT8", shape=[1], contents={"int_contents": [128]})), signature)


def test_bf16_is_read_raw_where_no_signature_forbids_it() -> None:
    described = tensor(datatype="BF16", shape=[2])
    read = decode_request(request(described, raw_input_contents=[b"\xc0\x3f\x00\xc0"]), None)["x"]
    assert (read.dtype.name, read.tolist()) == ("float32", [1.5, -2.0])
    for datatype in ("BF16", "FP16"):
        with pytest.raises(InvalidInput, match=f"{datatype} has no typed contents; send raw_input_contents"):
            decode_request(request(tensor(datatype=datatype, contents={"fp32_contents": [1, 2, 3]})), None)


def test_messages_over_4_mb_pass_and_metadata_names_the_request(
    start: Callable[..., Any], identity: Callable[[dict[str, int]], bytes]
) -> None:
    process = start(model=identity({"v": TensorProto.DOUBLE}))
    values = np.arange(2_000_000, dtype=np.float64)
    sent = tritonclient.grpc.InferInput("v", [values.size], "FP64")
    sent.set_data_from_numpy(values)
    with tritonclient.grpc.InferenceServerClient(process.grpc) as client:
        result = client.infer("linear", [sent], headers={"x-request-id": "r1"})
    assert np.array_equal(result.as_numpy("v_out"), values)


def test_a_message_that_does_not_parse_is_the_callers_mistake(start: Callable[..., Any], linear: bytes) -> None:
    process = start(model=linear)
    with grpc.insecure_channel(process.grpc) as channel:
        for method in ("ModelInfer", "ModelMetadata", "ModelReady"):
            for garbage in (b"\xff\xff\xff", b"\x0a\xff", b"\x12\x02\xff\xff"):
                with pytest.raises(grpc.RpcError) as raised:
                    channel.unary_unary(f"/inference.GRPCInferenceService/{method}")(b"\x0a\x06linear" + garbage)
                assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
                assert f"the message is no {method}Request" in raised.value.details()
