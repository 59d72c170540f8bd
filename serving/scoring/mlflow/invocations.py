"""``/invocations`` and the doors beside it, as MLflow's scoring server and SageMaker's containers promise them.

A script gets the body as it gets it from ``/score``; MLflow models read it themselves.
"""

from __future__ import annotations

import sys
from functools import partial

from ..dataplane import DataPlane
from ..errors import HTTP_STATUS, DeadlineExceeded, ScoringError, UnsupportedMediaType
from ..formats.csv_rows import tensors_of_csv
from ..formats.json_forms import tensors_of
from ..formats.json_rows import dump_json, rows_of
from ..formats.parquet import tensors_of_parquet
from ..formats.usual_body import UsualBody
from ..http.calls import call_of, request_text
from ..http.messages import Request, Response, json_response
from ..protocol import VERSION
from ..runtimes.base import BodyLike, Call, ScriptLike
from ..tensors import Tensors
from .content_types import CSV_TYPE, JSON_LINES_TYPE, JSON_TYPE, PARQUET_TYPE, answer_type_of, media_type_of
from .input_data import form_of_input_data, predictions_alone
from .tables import as_type, instances_of_lines

TEXT = b"text/plain; charset=utf-8"
# MLflow names a status whose code it was not told by its own table; these are that table's.
_ERROR_CODES = {
    403: "PERMISSION_DENIED",
    404: "ENDPOINT_NOT_FOUND",
    429: "REQUEST_LIMIT_EXCEEDED",
    501: "NOT_IMPLEMENTED",
    503: "TEMPORARILY_UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


_READERS = {JSON_TYPE: tensors_of, CSV_TYPE: tensors_of_csv, PARQUET_TYPE: tensors_of_parquet}


class Invocations:
    """The door at ``/invocations``."""

    def __init__(self, plane: DataPlane) -> None:
        self._plane = plane
        self._is_script = isinstance(plane.runtime, ScriptLike)
        self._reads_bodies = isinstance(plane.runtime, BodyLike)
        self._usual = UsualBody("inputs", plane.runtime.signature)

    async def post(self, request: Request) -> Response:
        return await self._answered(request, media_type_of(request.headers.get(b"content-type")))

    async def score(self, request: Request) -> Response:
        """Answer ``POST /score`` for an MLflow model: Azure ML's body for those, or any of MLflow's.

        As at Azure's server a type that is not known is no fault: curl calls JSON a form.
        """
        try:
            media_type = media_type_of(request.headers.get(b"content-type"))
        except UnsupportedMediaType:
            media_type = JSON_TYPE
        body = form_of_input_data(request.body) if media_type == JSON_TYPE else None
        if body is None:
            return await self._answered(request, media_type)
        answer = await self._plane.invoke(body, JSON_TYPE, call_of(self._plane, request))
        return Response(200, predictions_alone(answer))

    async def _answered(self, request: Request, media_type: str) -> Response:
        answer_type = answer_type_of(request.headers.get(b"accept"))
        call = call_of(self._plane, request)
        answer = await self._answer(request, media_type, call)
        if answer_type == JSON_TYPE:
            return Response(200, answer)
        written = await self._plane.beside(partial(as_type, answer, answer_type), call)
        return Response(200, written, answer_type.encode())

    async def version(self, request: Request) -> Response:
        """Answer ``GET /version``: the image's mlflow that reads the bodies, or this server where none does."""
        runtime = self._plane.runtime
        version = runtime.mlflow_version if isinstance(runtime, BodyLike) else VERSION
        return Response(200, version.encode())

    async def _answer(self, request: Request, media_type: str, call: Call) -> bytes:
        if self._is_script:
            if media_type == PARQUET_TYPE:
                raise UnsupportedMediaType("a scoring script takes text, which Parquet is not: send JSON or CSV")
            result = await self._plane.run_script(request_text(request), call)
            return b'{"predictions": %b}' % result
        body = request.body
        if media_type == JSON_LINES_TYPE:
            body, media_type = await self._plane.beside(partial(instances_of_lines, body), call), JSON_TYPE
        if self._reads_bodies:
            return await self._plane.invoke(body, media_type, call)
        signature = self._plane.runtime.signature
        assert signature is not None
        tensors = self._usual.read(body) if media_type == JSON_TYPE else None
        if tensors is not None:
            return _predictions(await self._plane.infer(tensors, call))
        size_bytes = len(body) if media_type == JSON_TYPE else sys.maxsize  # a small Parquet has millions of rows
        read = partial(_READERS[media_type], body, signature)
        return await self._plane.answered(size_bytes, read, _predictions, call)


def _predictions(outputs: Tensors) -> bytes:
    return dump_json({"predictions": rows_of(outputs)})


def error_response(error: ScoringError) -> Response:
    """Word an error as MLflow's server does: 415 as text, the others with MLflow's name for the status."""
    if isinstance(error, UnsupportedMediaType):
        return Response(HTTP_STATUS[error.code], error.message.encode(), TEXT)
    status = HTTP_STATUS[error.code]
    message = error.message
    if isinstance(error, DeadlineExceeded):
        message = f"Request processing time exceeded limit: {message}"
    name = _ERROR_CODES.get(status) or ("BAD_REQUEST" if status < 500 else "INTERNAL_ERROR")
    return json_response(status, {"error_code": name, "message": message})
