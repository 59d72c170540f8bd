"""What /openapi.json says of a model, beside what tests/contract_scoring asks of every image."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from onnx import TensorProto

Ask = Callable[..., Any]


def document_of(ask: Ask) -> Any:
    return json.loads(ask("GET", "/openapi.json").body)


def content_of(document: Any, path: str) -> Any:
    return document["paths"][path]["post"]["responses"]["200"]["content"]


def test_a_model_without_code_is_described_as_one(ask_onnx: Ask) -> None:
    document = document_of(ask_onnx)
    assert document["info"]["description"] == "Every HTTP door of this model (onnxruntime_onnx)."
    assert list(document["paths"]["/score"]) == ["post", "options"]
    assert not [
        path for path, doors in document["paths"].items() if "default" in next(iter(doors.values()))["responses"]
    ]


def test_a_script_may_answer_what_it_likes(ask_script: Ask) -> None:
    score = document_of(ask_script)["paths"]["/score"]
    assert list(score) == ["post", "get", "options"]
    assert score["post"]["responses"]["default"] == {"description": "What the scoring script answered."}


def test_a_tensor_may_have_any_number_of_rows(ask_onnx: Ask) -> None:
    body = document_of(ask_onnx)["paths"]["/v2/models/linear/infer"]["post"]["requestBody"]["content"]
    (tensor,) = body["application/json"]["schema"]["properties"]["inputs"]["items"]["anyOf"]
    assert tensor["properties"]["shape"]["items"] == {"type": "integer", "minimum": 0}


def test_answers_have_the_outputs_of_the_signature(ask_onnx: Ask) -> None:
    document = document_of(ask_onnx)
    rows = content_of(document, "/score")["application/json"]["schema"]
    assert rows["items"] == {"type": "array", "items": {"type": "number"}}
    assert rows["description"].startswith("FP32 of shape [-1, 1]")
    predicted = {"type": "object", "required": ["predictions"], "properties": {"predictions": rows}}
    assert content_of(document, "/invocations")["application/json"]["schema"] == predicted
    assert content_of(document, "/v1/models/linear:predict") == {"application/json": {"schema": predicted}}
    infer = content_of(document, "/v2/models/linear/infer")["application/json"]["schema"]
    (tensor,) = infer["properties"]["outputs"]["items"]["anyOf"]
    assert tensor["properties"]["name"] == {"const": "y"}
    assert "FP32" in tensor["properties"]["datatype"]["enum"]
    assert "y" in content_of(document, "/v2/models/linear/generate")["application/json"]["schema"]["properties"]
    assert "text/event-stream" in content_of(document, "/v2/models/linear/generate_stream")


def test_several_outputs_are_rows_by_name(
    make_ask: Callable[..., Ask], identity: Callable[[dict[str, int]], bytes]
) -> None:
    ask = make_ask(model=identity({"a": TensorProto.INT64, "b": TensorProto.STRING}))
    rows = content_of(document_of(ask), "/score")["application/json"]["schema"]
    assert rows["required"] == ["a_out", "b_out"]
    assert [rows["properties"][name]["items"]["type"] for name in rows["required"]] == ["integer", "string"]


@pytest.mark.parametrize("image", ["ask_onnx", "ask_script"])
def test_invocations_lists_every_type_that_it_reads(request: pytest.FixtureRequest, image: str) -> None:
    ask = request.getfixturevalue(image)
    listed = document_of(ask)["paths"]["/invocations"]["post"]["requestBody"]["content"]
    tables = {"application/json", "text/csv", "application/jsonlines"}
    assert set(listed) == tables | ({"application/vnd.apache.parquet"} if image == "ask_onnx" else set())
    for content_type in listed:
        assert ask("POST", "/invocations", b"[1, 2, 3]", content_type=content_type).status != 415
