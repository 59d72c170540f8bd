"""Answers of every door as outputs by name. Pure."""

import json
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from serving.policy.comparison import Output, Outputs
from serving.scoring.errors import ScoringError
from serving.scoring.formats.raw_tensors import from_raw
from serving.scoring.oip.grpc_messages import message_classes

ANSWER = "answer"  # the one output of an answer that names none
HEADER_LENGTH = b"inference-header-content-length"


def outputs_of(path: bytes, headers: Mapping[bytes, bytes], body: bytes) -> Outputs:
    """Read an answer 200 of the door at ``path``; what is in no known form is one output that is equal or not."""
    try:
        if HEADER_LENGTH in headers:
            return _tensors(body, int(headers[HEADER_LENGTH]))
        if b"json" not in headers.get(b"content-type", b""):
            return {ANSWER: Output(body.decode("latin-1"))}
        document = _json(body)
        if b"/v2/" in path and isinstance(document, dict) and "outputs" in document:
            return _tensors(body, len(body))
    except (ValueError, KeyError, TypeError, ScoringError):  # of whoever answered; it is compared as it is
        return {ANSWER: Output(body.decode("latin-1"))}
    if isinstance(document, str):  # a script that answers with JSON as a text
        document = _nested(document)
    if isinstance(document, dict) and document.keys() == {"predictions"}:
        document = document["predictions"]
    return _columns(document)


def grpc_outputs(answer: bytes) -> Outputs:
    """Read a ModelInferResponse as our own scoring processes send it."""
    response = message_classes()["ModelInferResponse"].FromString(answer)
    return {
        item.name: Output(from_raw(raw, item.datatype, tuple(item.shape), item.name), item.datatype)
        for item, raw in zip(response.outputs, response.raw_output_contents, strict=True)
    }


def _tensors(body: bytes, head_bytes: int) -> Outputs:
    outputs: dict[str, Output] = {}
    at = head_bytes
    for item in _json(body[:head_bytes])["outputs"]:
        name, datatype, shape = item["name"], item["datatype"], tuple(item["shape"])
        size = item.get("parameters", {}).get("binary_data_size")
        if size is None:
            outputs[name] = Output(np.asarray(item["data"]).reshape(shape), datatype)
        else:
            outputs[name] = Output(from_raw(body[at : at + size], datatype, shape, name), datatype)
            at += size
    return outputs


def _columns(document: Any) -> Outputs:
    """Take the keys of an object, or of the objects in a list, for outputs."""
    if isinstance(document, dict):
        return {str(name): Output(values) for name, values in document.items()}
    if isinstance(document, list) and document and all(isinstance(row, dict) for row in document):
        names = document[0].keys()
        if all(row.keys() == names for row in document):
            return {str(name): Output([row[name] for row in document]) for name in names}
    return {ANSWER: Output(document)}


def _nested(text: str) -> Any:
    try:
        return _json(text.encode())
    except ValueError:
        return text


def _json(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError:
        return json.loads(body)  # NaN and Infinity as bare words
