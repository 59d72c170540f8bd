"""A body of bytes only, which Inference-Header-Content-Length 0 says."""

import json
import struct
from collections.abc import Callable
from typing import Any

import pytest
from onnx import TensorProto

from serving.scoring.errors import InvalidInput
from serving.scoring.oip.http_raw import decode_raw
from serving.scoring.tensors import Signature, TensorSpec

Ask = Callable[..., Any]
INFER = "/v2/models/linear/infer"


def of(datatype: str, *shape: int) -> Signature:
    return Signature([TensorSpec("x", datatype, shape)], [TensorSpec("y", "FP32", [-1])])


def test_one_item_is_answered_in_bytes(ask_onnx: Ask) -> None:
    answer = ask_onnx("POST", INFER, struct.pack("<3f", 1, 2, 3), inference_header_content_length="0")
    length = int(dict(answer.headers)[b"inference-header-content-length"])
    assert json.loads(answer.body[:length])["outputs"][0]["shape"] == [1, 1]
    assert struct.unpack("<f", answer.body[length:]) == (-6.5,)


def test_a_text_is_the_whole_body(make_ask: Callable[..., Ask], identity: Callable[[dict[str, int]], bytes]) -> None:
    answer = make_ask(model=identity({"v": TensorProto.STRING}))(
        "POST", INFER, "grün".encode(), inference_header_content_length="0"
    )
    assert answer.body.endswith(b"\x05\0\0\0gr\xc3\xbcn")


@pytest.mark.parametrize(
    ("signature", "body", "shape"),
    [
        (of("INT16", -1, 2), b"1234", (1, 2)),
        (of("INT16", -1, -1), b"123456", (1, 3)),
        (of("INT16", 2, -1), b"12345678", (2, 2)),
        (of("UINT8", -1, -1, 3), b"123456", (1, 2, 3)),
        (of("BYTES", -1, 1), b"text", (1, 1)),
        (of("BYTES", -1, -1), b"text", (1, 1)),
        (of("BOOL", -1, 2), b"\0\1", (1, 2)),
    ],
)
def test_the_shape_follows_from_the_bytes(signature: Signature, body: bytes, shape: tuple[int, ...]) -> None:
    assert decode_raw(body, signature)["x"].shape == shape


@pytest.mark.parametrize(
    ("signature", "body", "named"),
    [
        (None, b"1", "for models of one declared input"),
        (Signature([TensorSpec("a", "FP32", [1]), TensorSpec("b", "FP32", [1])], []), b"1234", "of one declared input"),
        (of("FP32", -1, 3), b"1234", "FP32 of shape \\[1, 3\\] takes 12 bytes, and 4 came"),
        (of("FP32", -1, -1, -1), b"1234", "several dimensions of any size"),
        (of("INT16", -1, -1), b"123", "takes 2 bytes, and 3 came"),
        (of("FP32", 0, -1), b"1234", "takes 0 bytes, and 4 came"),
        (of("BYTES", -1, 2), b"text", "is one element"),
        (of("BYTES", -1, 1), b"\xff", "not UTF-8"),
    ],
)
def test_what_does_not_fit_is_refused(signature: Signature | None, body: bytes, named: str) -> None:
    with pytest.raises(InvalidInput, match=named):
        decode_raw(body, signature)


def test_an_empty_body_is_no_request(ask_onnx: Ask) -> None:
    for headers in ({}, {"inference_header_content_length": "0"}):
        answer = ask_onnx("POST", INFER, b"", **headers)
        assert answer.status == 400
        assert "the body is not an infer request" in json.loads(answer.body)["error"]
