"""Answers as the doors of a scoring process give them."""

import numpy as np
import pytest

from serving.edge.mirroring.reading import ANSWER, grpc_outputs, outputs_of
from serving.scoring.oip.grpc_messages import message_classes

JSON = {b"content-type": b"application/json"}
HEAD = b'{"outputs":[{"name":"p","datatype":"FP32","shape":[2],"parameters":{"binary_data_size":8}}]}'


@pytest.mark.parametrize(
    ("path", "body", "outputs"),
    [
        (b"/score", b"[[0.25],[0.5]]", {ANSWER: [[0.25], [0.5]]}),
        (b"/score", b'{"label":[1],"p":[0.5]}', {"label": [1], "p": [0.5]}),
        (b"/score", b'[{"a":1,"b":"x"},{"a":2,"b":"y"}]', {"a": [1, 2], "b": ["x", "y"]}),
        (b"/score", b'[{"a":1},{"b":2}]', {ANSWER: [{"a": 1}, {"b": 2}]}),
        (b"/score", b'"{\\"p\\": [1]}"', {"p": [1]}),
        (b"/score", b'"benign"', {ANSWER: "benign"}),
        (b"/invocations", b'{"predictions":[1,2]}', {ANSWER: [1, 2]}),
        (b"/v1/models/cancer:predict", b'{"predictions":[{"p":1},{"p":2}]}', {"p": [1, 2]}),
        (b"/score", b"{broken", {ANSWER: "{broken"}),
        (b"/v2/models/c/infer", b'{"outputs":[{"name":"p"}]}', {ANSWER: '{"outputs":[{"name":"p"}]}'}),
    ],
)
def test_json_is_read_as_its_door_words_it(path: bytes, body: bytes, outputs: dict[str, object]) -> None:
    assert {name: output.values for name, output in outputs_of(path, JSON, body).items()} == outputs


def test_bare_words_are_numbers() -> None:
    values = outputs_of(b"/score", JSON, b"[NaN, Infinity]")[ANSWER].values
    assert np.isnan(values[0])
    assert values[1] == float("inf")


def test_tensors_are_read_in_both_forms() -> None:
    text = b'{"outputs":[{"name":"p","datatype":"FP32","shape":[2,1],"data":[0.5,1.0]}]}'
    found = outputs_of(b"/v2/models/c/infer", JSON, text)["p"]
    assert (found.values.tolist(), found.datatype) == ([[0.5], [1.0]], "FP32")
    body = HEAD + np.array([0.5, 1], "<f4").tobytes()
    headers = {b"content-type": b"application/octet-stream", b"inference-header-content-length": b"%d" % len(HEAD)}
    found = outputs_of(b"/v2/models/c/infer", headers, body)["p"]
    assert (found.values.tolist(), found.datatype) == ([0.5, 1.0], "FP32")
    assert outputs_of(b"/v2/models/c/infer", headers, body[:-1])[ANSWER].datatype == ""


def test_what_is_no_json_is_one_output() -> None:
    assert outputs_of(b"/score", {b"content-type": b"text/csv"}, b"a,b")[ANSWER].values == "a,b"


def test_messages_are_read() -> None:
    response = message_classes()["ModelInferResponse"]()
    response.outputs.add(name="p", datatype="INT64", shape=[2])
    response.raw_output_contents.append(np.array([3, 4], "<i8").tobytes())
    found = grpc_outputs(response.SerializeToString())["p"]
    assert (found.values.tolist(), found.datatype) == ([3, 4], "INT64")
