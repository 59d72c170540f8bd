"""``/v2``: the Open Inference Protocol over HTTP, for the one model of this process."""

from __future__ import annotations

from functools import partial
from typing import Tuple

from ..errors import HTTP_STATUS, ScoringError, Unavailable
from ..http.calls import call_of
from ..http.messages import Request, Response, json_response
from ..runtimes.base import Call, provider_of
from ..tensors import Tensors
from .http_answer import AnswerWriter
from .http_codec import HEADER_LENGTH, RAW, InferHead, decode_head, decode_tensors, split_body
from .http_raw import decode_raw
from .http_usual import UsualInfer
from .parameters import for_model, timeout_of
from .served_model import ServedModel
from .server_metadata import server_metadata


class OpenInference:
    """The doors under ``/v2`` that every server of the protocol has."""

    def __init__(self, model: ServedModel) -> None:
        self._model = model
        self._plane = model.plane
        self._signature = model.plane.runtime.signature
        batched = self._signature is not None and self._signature.batched
        self._usual = UsualInfer(self._signature)
        self._write = AnswerWriter(model.name, model.version, batched).write

    async def infer(self, request: Request) -> Response:
        plane, body, call = self._plane, request.body, call_of(self._plane, request)
        json_length = split_body(body, request.headers.get(HEADER_LENGTH))
        usual = self._usual.read(body, json_length)
        if usual is not None:
            head, tensors = usual
            self._heed(head, call)
            return self._write(head, await plane.infer(tensors, call))
        head, tensors = await plane.at_pace(json_length, partial(self._read, body, json_length), call)
        self._heed(head, call)
        outputs = await plane.infer(tensors, call)
        return await plane.at_pace(json_length, partial(self._write, head, outputs), call)

    def _read(self, body: bytes, json_length: int) -> Tuple[InferHead, Tensors]:
        if json_length == 0 and body:
            return RAW, decode_raw(body, self._signature)
        head = decode_head(body, json_length)
        return head, decode_tensors(head, body, json_length, self._signature)

    def _heed(self, head: InferHead, call: Call) -> None:
        """Take the request's own parameters: its time, and what is for the model."""
        parameters = head.parameters
        if not parameters or (len(parameters) == 1 and "binary_data_output" in parameters):
            return
        timeout_s = timeout_of(parameters)
        if timeout_s is not None:
            self._plane.shorten(call, timeout_s)
        call.parameters = for_model(parameters)

    async def server_metadata(self, request: Request) -> Response:
        return json_response(200, server_metadata())

    async def live(self, request: Request) -> Response:
        return json_response(200, {"live": True})

    async def ready(self, request: Request) -> Response:
        self._check_ready()
        return json_response(200, {"ready": True})

    async def model_ready(self, request: Request) -> Response:
        self._check_ready()
        return json_response(200, {"name": self._model.name, "ready": True})

    async def model_metadata(self, request: Request) -> Response:
        document, provider = self._model.metadata(), provider_of(self._plane.runtime)
        if provider:
            document["properties"] = {"execution_provider": provider}
        return json_response(200, document)

    def _check_ready(self) -> None:
        if not self._model.is_ready():
            raise Unavailable("this scoring process is draining")


def error_response(error: ScoringError) -> Response:
    """Word an error as every client of the protocol reads it."""
    return json_response(HTTP_STATUS[error.code], {"error": error.message})
