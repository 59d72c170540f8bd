"""Every door: how its clients ask a question there, and how they read the answer.

A new door, or a new form of body at one, is a function here and a line of ``DOORS``.
"""

import json
import queue
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import grpc
import httpx
import numpy as np
import pandas as pd
import tritonclient.grpc
import tritonclient.http

from serving.scoring.oip.grpc_messages import message_classes
from tests.contract_scoring.images import VERSION, Image, Kind
from tests.contract_scoring.questions import Array, Question
from tests.serving.clients.places import Place

Columns = dict[str, list[Any]]  # by output, its elements in order; "" where the door gives no name
DATATYPES = {"f4": "FP32", "f8": "FP64", "i8": "INT64", "b1": "BOOL", "O": "BYTES"}
TYPED = {
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "INT64": "int64_contents",
    "BOOL": "bool_contents",
    "BYTES": "bytes_contents",
}


@dataclass(frozen=True)
class Door:
    """``takes`` says which questions have a wording there; all that have one are asked."""

    name: str
    ask: Callable[[Place, Image, Question], Columns]
    takes: Callable[[Image, Question], bool]


def datatype(array: Array) -> str:
    return DATATYPES[array.dtype.str.lstrip("<|")]


# JSON of rows: /score and /invocations


def post(place: Place, path: str, document: Any, **headers: str) -> Any:
    answer = httpx.post(f"{place.http}{path}", json=document, headers={**place.headers, **headers}, trust_env=False)
    assert answer.status_code == 200, answer.text
    return answer.json()


def read_rows(document: Any) -> Columns:
    """Read rows, a dict of rows by output, or records, whichever the model gave."""
    if isinstance(document, dict):
        return {name: np.array(rows, dtype=object).ravel().tolist() for name, rows in document.items()}
    if document and isinstance(document[0], dict):
        return {name: [record[name] for record in document] for name in document[0]}
    return {"": np.array(document, dtype=object).ravel().tolist()}


def lists(question: Question) -> dict[str, Any]:
    return {name: array.tolist() for name, array in question.inputs.items()}


def only(question: Question) -> Any:
    (array,) = question.inputs.values()
    return array.tolist()


def frame(question: Question) -> tuple[list[str], list[list[Any]]]:
    """The question as a frame: a column for each input, or for each number of the only input's rows."""
    if len(question.inputs) > 1:
        rows = [list(row) for row in zip(*lists(question).values(), strict=True)]
        return list(question.inputs), rows
    (array,) = question.inputs.values()
    return [f"c{number}" for number in range(array.shape[1])], array.tolist()


def split(question: Question) -> dict[str, Any]:
    columns, data = frame(question)
    return {"dataframe_split": {"columns": columns, "data": data}}


def records(question: Question) -> list[dict[str, Any]]:
    columns, data = frame(question)
    return [dict(zip(columns, row, strict=True)) for row in data]


def score(place: Place, image: Image, question: Question) -> Columns:
    if image.kind is Kind.MLFLOW:
        return read_rows(post(place, "/score", mlflow_form(image, question))["predictions"])
    return read_rows(post(place, "/score", scripts_body(image, question)))


def score_by_name(place: Place, image: Image, question: Question) -> Columns:
    return read_rows(post(place, "/score", {"data": lists(question)}))


def scripts_body(image: Image, question: Question) -> dict[str, Any]:
    """Azure ML's own: the declared inputs by name, else whatever the script reads."""
    return lists(question) if image.kind is Kind.SCHEMA else {"data": only(question)}


def mlflow_form(image: Image, question: Question) -> dict[str, Any]:
    return {"inputs": lists(question)} if image.is_linear else split(question)


def post_table(place: Place, content: bytes, content_type: str) -> Columns:
    headers = {**place.headers, "content-type": content_type}
    answer = httpx.post(f"{place.http}/invocations", content=content, headers=headers, trust_env=False)
    assert answer.status_code == 200, answer.text
    return read_rows(answer.json()["predictions"])


def invocations_csv(place: Place, image: Image, question: Question) -> Columns:
    return post_table(place, as_frame(question).to_csv(index=False).encode(), "text/csv")


def invocations_parquet(place: Place, image: Image, question: Question) -> Columns:
    return post_table(place, as_frame(question).to_parquet(index=False), "application/vnd.apache.parquet")


def as_frame(question: Question) -> pd.DataFrame:
    if len(question.inputs) > 1:
        return pd.DataFrame(question.inputs)
    columns, _ = frame(question)
    (array,) = question.inputs.values()
    return pd.DataFrame(array, columns=columns)


def kserve_v1(form: str) -> Callable[[Place, Image, Question], Columns]:
    def ask(place: Place, image: Image, question: Question) -> Columns:
        rows = only(question) if image.is_linear else records(question) if form == "instances" else lists(question)
        return read_rows(post(place, f"/v1/models/{image.name}:predict", {form: rows})["predictions"])

    return ask


def invocations_as_score(place: Place, image: Image, question: Question) -> Columns:
    return read_rows(post(place, "/invocations", scripts_body(image, question))["predictions"])


def invocations(make: Callable[[Question], Any]) -> Callable[[Place, Image, Question], Columns]:
    def ask(place: Place, image: Image, question: Question) -> Columns:
        return read_rows(post(place, "/invocations", make(question))["predictions"])

    return ask


# The Open Inference Protocol


def oip_json(place: Place, image: Image, question: Question) -> Columns:
    answer = post(place, f"/v2/models/{image.name}/infer", {"inputs": oip_inputs(question), "id": "42"})
    assert (answer["model_name"], answer["id"]) == (image.name, "42")
    for output in answer["outputs"]:
        assert int(np.prod(output["shape"])) == len(output["data"])
    return {output["name"]: output["data"] for output in answer["outputs"]}


def oip_inputs(question: Question) -> list[dict[str, Any]]:
    return [
        {"name": name, "shape": array.shape, "datatype": datatype(array), "data": array.ravel().tolist()}
        for name, array in question.inputs.items()
    ]


def oip_binary(place: Place, image: Image, question: Question) -> Columns:
    """tritonclient's default: tensors as bytes, both ways."""
    with tritonclient.http.InferenceServerClient(place.http.removeprefix("http://")) as client:
        inputs = triton_inputs(tritonclient.http, question)
        result = client.infer(image.name, inputs, request_id="42", headers=dict(place.headers))  # it adds its own
    answer = result.get_response()
    assert answer["id"] == "42"
    return {one["name"]: elements(result.as_numpy(one["name"])) for one in answer["outputs"]}


def oip_grpc(place: Place, image: Image, question: Question) -> Columns:
    with tritonclient.grpc.InferenceServerClient(place.grpc) as client:
        inputs = triton_inputs(tritonclient.grpc, question)
        result = client.infer(image.name, inputs, request_id="42", headers=dict(place.headers))  # it adds its own
    answer = result.get_response()
    assert answer.id == "42"
    return {one.name: elements(result.as_numpy(one.name)) for one in answer.outputs}


def oip_grpc_typed(place: Place, image: Image, question: Question) -> Columns:
    """As kserve's client asks: numbers in the message's typed fields. The answer's are always raw."""
    classes = message_classes()
    inputs = [
        {
            "name": name,
            "datatype": datatype(array),
            "shape": array.shape,
            "contents": {TYPED[datatype(array)]: [as_content(value) for value in array.ravel().tolist()]},
        }
        for name, array in question.inputs.items()
    ]
    request = classes["ModelInferRequest"](model_name=image.name, id="42", inputs=inputs)
    with grpc.insecure_channel(place.grpc) as channel:
        call = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
        content = call(request.SerializeToString(), metadata=place.metadata, timeout=20)
    answer = tritonclient.grpc.service_pb2.ModelInferResponse.FromString(content)
    result = tritonclient.grpc.InferResult(answer)
    return {one.name: elements(result.as_numpy(one.name)) for one in answer.outputs}


def oip_stream(place: Place, image: Image, question: Question) -> Columns:
    """ModelStreamInfer: one request, one answer, the stream's end."""
    answers: queue.Queue[tuple[Any, Any]] = queue.Queue()
    with tritonclient.grpc.InferenceServerClient(place.grpc) as client:
        client.start_stream(lambda result, error: answers.put((result, error)), headers=dict(place.headers))
        client.async_stream_infer(image.name, triton_inputs(tritonclient.grpc, question), request_id="42")
        result, error = answers.get(timeout=20)
        client.stop_stream()
    assert error is None, error
    answer = result.get_response()
    assert answer.id == "42"
    return {one.name: elements(result.as_numpy(one.name)) for one in answer.outputs}


def generate(place: Place, image: Image, question: Question) -> Columns:
    return read_generated(post(place, f"/v2/models/{image.name}/generate", members(image, question)), image)


def generate_stream(place: Place, image: Image, question: Question) -> Columns:
    """The same, as the only event of a stream."""
    url, asked = f"{place.http}/v2/models/{image.name}/generate_stream", members(image, question)
    with httpx.stream("POST", url, json=asked, headers=dict(place.headers), trust_env=False) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        (event,) = (line for line in answer.iter_lines() if line)
    return read_generated(json.loads(event.removeprefix("data: ")), image)


def members(image: Image, question: Question) -> dict[str, Any]:
    """Each input flat, since the model's shape gives it its dimensions; a script gets its own body."""
    if image.kind is Kind.SCRIPT:
        return {"data": only(question)}
    return {name: array.ravel().tolist() for name, array in question.inputs.items()}


def read_generated(answer: dict[str, Any], image: Image) -> Columns:
    assert (answer.pop("model_name"), answer.pop("model_version")) == (image.name, VERSION)
    return {name: np.array(value, dtype=object).ravel().tolist() for name, value in answer.items()}


def triton_inputs(client: Any, question: Question) -> list[Any]:
    inputs = []
    for name, array in question.inputs.items():
        inputs.append(client.InferInput(name, list(array.shape), datatype(array)))
        inputs[-1].set_data_from_numpy(array)
    return inputs


def as_content(value: Any) -> Any:
    return value.encode() if isinstance(value, str) else value


def elements(array: Array) -> list[Any]:
    return [value.decode() if isinstance(value, bytes) else value for value in array.ravel().tolist()]


# What has a wording where


def every_image(image: Image, question: Question) -> bool:
    """inference-schema makes arrays of lists, so what it gives a script for no rows has no columns either."""
    return image.kind is not Kind.SCHEMA or question.rows > 0


def has_shape_in_json(question: Question) -> bool:
    """A list without rows does not say how many columns they would have."""
    return question.rows > 0 or len(question.inputs) > 1


def one_input(image: Image, question: Question) -> bool:
    """``/score``: the rows of the only input, which is what a script has that declares none; or a form of MLflow's."""
    return image.kind is Kind.SCRIPT or (has_shape_in_json(question) and (image.is_linear or image.kind is Kind.MLFLOW))


def scripts(image: Image, question: Question) -> bool:
    return image.kind is Kind.SCRIPT or (image.kind is Kind.SCHEMA and has_shape_in_json(question))


def onnx_by_name(image: Image, question: Question) -> bool:
    return image.kind is Kind.ONNX and has_shape_in_json(question)


def mlflow_tensors(image: Image, question: Question) -> bool:
    return image.kind not in (Kind.SCRIPT, Kind.SCHEMA) and has_shape_in_json(question)


def mlflow_instances(image: Image, question: Question) -> bool:
    return image.kind not in (Kind.SCRIPT, Kind.SCHEMA) and image.is_linear and question.rows > 0


def mlflow_frame(image: Image, question: Question) -> bool:
    """MLflow itself gives no frame to a model of tensors."""
    return image.kind is Kind.ONNX or (image.kind is Kind.MLFLOW and not image.is_linear)


def mlflow_records(image: Image, question: Question) -> bool:
    return mlflow_frame(image, question) and question.rows > 0


def csv_frame(image: Image, question: Question) -> bool:
    """pandas, which reads it where MLflow does, takes an empty text for a missing one."""
    texts = [text for array in question.inputs.values() for text in array.ravel() if array.dtype == object]
    return mlflow_frame(image, question) and (image.kind is Kind.ONNX or "" not in texts)


def kserve_rows(image: Image, question: Question) -> bool:
    return image.kind not in (Kind.SCRIPT, Kind.SCHEMA) and question.rows > 0


DOORS = [
    Door("score", score, one_input),
    Door("score_by_name", score_by_name, onnx_by_name),
    Door("invocations_as_score", invocations_as_score, scripts),
    Door("invocations_inputs", invocations(lambda q: {"inputs": lists(q)}), mlflow_tensors),
    Door("invocations_instances", invocations(lambda q: {"instances": only(q)}), mlflow_instances),
    Door("invocations_split", invocations(split), mlflow_frame),
    Door("invocations_records", invocations(lambda q: {"dataframe_records": records(q)}), mlflow_records),
    Door("invocations_csv", invocations_csv, csv_frame),
    Door("invocations_parquet", invocations_parquet, mlflow_frame),
    Door("kserve_instances", kserve_v1("instances"), kserve_rows),
    Door("kserve_inputs", kserve_v1("inputs"), mlflow_tensors),
    Door("oip_json", oip_json, every_image),
    Door("oip_binary", oip_binary, every_image),
    Door("oip_grpc", oip_grpc, every_image),
    Door("oip_grpc_typed", oip_grpc_typed, every_image),
    Door("oip_stream", oip_stream, every_image),
    Door("generate", generate, every_image),
    Door("generate_stream", generate_stream, every_image),
]
