"""``/score``: Azure ML's contract for scripts, and its shape of body for ONNX models.

Statuses and headers follow azureml-inference-server-http 1.5.1; a container's 500 becomes 424 at the edge, not here.
"""

from __future__ import annotations

import json
import time
from typing import Any, Dict, List, Tuple
from urllib.parse import parse_qsl

import msgspec

from ..dataplane import DataPlane
from ..errors import (
    HTTP_STATUS,
    DeadlineExceeded,
    InvalidInput,
    MethodNotAllowed,
    ModelFailed,
    ScoringError,
    ScriptFailed,
    ScriptResultInvalid,
)
from ..formats import bare_tokens
from ..formats.json_arrays import decode_array
from ..formats.json_rows import dump_json, rows_of
from ..http.calls import call_of, request_text
from ..http.messages import TEXT, Answer, Request, Response, StreamedResponse, json_response
from ..runtimes.base import ScriptLike
from ..tensors import Signature, Tensors

RUN_FAILED = b"x-ms-run-function-failed"
_SCRIPT_RAISED = "An unexpected error occurred in scoring script. Check the logs for more info."
_RESULT_INVALID = "An unexpected internal error occurred. Check the logs for more info."
_STATUS = {**HTTP_STATUS, DeadlineExceeded.code: 500}  # Azure's server answers a time-out with 500


class _Body(msgspec.Struct):
    data: msgspec.Raw


_body = msgspec.json.Decoder(_Body)
_by_name = msgspec.json.Decoder(Dict[str, msgspec.Raw])


class Score:
    """The door at ``/score``."""

    def __init__(self, plane: DataPlane) -> None:
        self._plane = plane
        self._is_script = isinstance(plane.runtime, ScriptLike)

    async def post(self, request: Request) -> Answer:
        if self._is_script:
            return await self._run(request_text(request), request)
        signature = self._plane.runtime.signature
        assert signature is not None
        tensors = tensors_of(request.body, signature)
        began = time.perf_counter()
        outputs = await self._plane.infer(tensors, call_of(self._plane, request))
        return _succeeded(request, dump_json(rows_of(outputs)), began)

    async def get(self, request: Request) -> Answer:
        """Give a script the query's parameters as JSON text."""
        if not self._is_script:
            raise MethodNotAllowed("GET is not allowed on /score: this model takes POST", "POST, OPTIONS")
        return await self._run(json.dumps(_parameters(request.query)), request)

    async def options(self, request: Request) -> Response:
        return Response(200, b"")

    async def _run(self, data: str, request: Request) -> Answer:
        began = time.perf_counter()
        result = await self._plane.stream_script(data, call_of(self._plane, request))
        if isinstance(result, bytes):
            return _succeeded(request, result, began)
        response = StreamedResponse(200, result, TEXT)
        response.headers.append((RUN_FAILED, b"False"))
        return response


def error_response(error: ScoringError) -> Response:
    """Word an error as Azure ML's server does."""
    if isinstance(error, ScriptResultInvalid):
        message = _RESULT_INVALID
    elif isinstance(error, ScriptFailed):
        message = _SCRIPT_RAISED
    elif isinstance(error, DeadlineExceeded):
        message = f"Scoring timeout after {error.timeout_ms} ms"
    else:
        message = error.message
    response = json_response(_STATUS[error.code], {"message": message})
    of_run = isinstance(error, (ScriptFailed, ModelFailed, DeadlineExceeded))
    failed = of_run and not isinstance(error, ScriptResultInvalid)
    response.headers.append((RUN_FAILED, b"True" if failed else b"False"))
    return response


def tensors_of(body: bytes, signature: Signature) -> Tensors:
    """Read ``{"data": [[…]]}`` for a model of one input, or ``{"data": {"input name": …}}`` for any."""
    try:
        data = bytes(_body.decode(body).data)
    except (ValueError, RecursionError) as error:
        data = _data_with_bare_tokens(body, error)
    if data[:1] == b"{":
        try:
            named = _by_name.decode(data)
        except (ValueError, RecursionError) as error:
            raise InvalidInput(f"'data': {error}") from error
        return {
            name: decode_array(bytes(text), signature.input(name).datatype, f"input '{name}'")
            for name, text in named.items()
        }
    if len(signature.inputs) != 1:
        names = ", ".join(f"'{spec.name}'" for spec in signature.inputs)
        raise InvalidInput(f"the model has {len(signature.inputs)} inputs: send {{'data': {{name: …}}}} with {names}")
    spec = signature.inputs[0]
    return {spec.name: decode_array(data, spec.datatype, f"input '{spec.name}'")}


def _succeeded(request: Request, body: bytes, began: float) -> Response:
    response = Response(200, body)
    headers: List[Tuple[bytes, bytes]] = response.headers
    headers.append((RUN_FAILED, b"False"))
    headers.append((b"x-ms-run-fn-exec-ms", b"%.3f" % ((time.perf_counter() - began) * 1000)))
    return response


def _parameters(query: bytes) -> Dict[str, Any]:
    """Each value JSON-decoded if it can be; a repeated name gives a list."""
    values: Dict[str, List[Any]] = {}
    for name, text in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            value = text
        values.setdefault(name, []).append(value)
    return {name: several[0] if len(several) == 1 else several for name, several in values.items()}


def _data_with_bare_tokens(body: bytes, cause: Exception) -> bytes:
    """Find ``data`` in a body that msgspec refuses, since bare NaN and Infinity are legal here."""
    try:
        document = bare_tokens.read(body)
        if not isinstance(document, dict) or "data" not in document:
            raise InvalidInput('the body must be a JSON object with the key "data"') from cause
        return bytes(bare_tokens.raw(document["data"]))
    except ValueError:
        raise InvalidInput(f"the body is not JSON: {cause}") from cause
