"""``/score``: Azure ML's contract for scripts, and its shape of body for ONNX models.

Statuses and headers follow azureml-inference-server-http 1.5.1; a container's 500 becomes 424 at the edge, not here.
"""

from __future__ import annotations

from functools import partial
from typing import Dict, List, Optional, Tuple

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
from ..formats.usual_body import UsualBody
from ..http.calls import call_of
from ..http.messages import HTML, Answer, Request, Response, StreamedResponse, json_response
from ..runtimes.base import Scripted, ScriptLike
from ..tensors import Signature, Tensors

RUN_FAILED = b"x-ms-run-function-failed"
RUN_MS = b"x-ms-run-fn-exec-ms"
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
        self._script: Optional[ScriptLike] = plane.runtime if isinstance(plane.runtime, ScriptLike) else None
        self._usual = UsualBody("data", plane.runtime.signature)

    async def post(self, request: Request) -> Answer:
        if self._script is not None:
            return await self._run(request)
        signature = self._plane.runtime.signature
        assert signature is not None
        plane, body, call = self._plane, request.body, call_of(self._plane, request)
        tensors = self._usual.read(body)
        if tensors is not None:
            response = Response(200, _rows(await plane.infer(tensors, call)))
        else:
            read = partial(tensors_of, body, signature)
            response = Response(200, await plane.answered(len(body), read, _rows, call))
        ran_ms = (call.ended - call.began) * 1000
        response.headers = [(RUN_FAILED, b"False"), (RUN_MS, b"%.3f" % ran_ms)]
        return response

    async def get(self, request: Request) -> Answer:
        """Give a script the query's parameters. Only one that takes the request itself can tell a HEAD from a GET."""
        assert self._script is not None
        if request.method == b"HEAD" and not self._script.raw_http:
            raise MethodNotAllowed("Method not allowed", "GET, POST, OPTIONS")
        return await self._run(request)

    async def options(self, request: Request) -> Answer:
        if self._script is not None and self._script.raw_http:
            return await self._run(request)
        response = Response(200, b"", HTML)
        response.headers.append((RUN_FAILED, b"False"))
        return response

    async def _run(self, request: Request) -> Answer:
        answer, pieces = await self._plane.score_script(request, call_of(self._plane, request))
        headers = _headers_of(answer)
        response: Answer
        if pieces is not None:
            response = StreamedResponse(answer.status, pieces, answer.content_type)
        else:
            response = Response(answer.status, answer.body, answer.content_type)
            headers.append((RUN_MS, b"%.3f" % answer.ran_ms))
        response.headers = headers
        return response


def _headers_of(answer: Scripted) -> List[Tuple[bytes, bytes]]:
    """Say whether run() failed: of a script's own responses, those from 500 on have, whatever they say."""
    if answer.status >= 500:
        kept = [header for header in answer.headers if header[0] != RUN_FAILED]
        return [*kept, (RUN_FAILED, b"True")]
    if any(name == RUN_FAILED for name, _ in answer.headers):
        return answer.headers
    return [*answer.headers, (RUN_FAILED, b"False")]


def _rows(outputs: Tensors) -> bytes:
    return dump_json(rows_of(outputs))


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
    except bare_tokens.MALFORMED as error:
        data = _data_with_bare_tokens(body, error)
    if data[:1] == b"{":
        try:
            named = _by_name.decode(data)
        except bare_tokens.MALFORMED as error:
            raise InvalidInput(f"'data': {error}") from error
        return {
            name: decode_array(bytes(text), signature.input(name).datatype, f"input '{name}'")
            for name, text in named.items()
        }
    if len(signature.inputs) != 1:
        names = ", ".join(f"'{spec.name}'" for spec in signature.inputs)
        raise InvalidInput(f"the model has {len(signature.inputs)} inputs: send {{'data': {{name: …}}}} with {names}")
    spec = signature.inputs[0]
    return {spec.name: decode_array(data, spec.datatype, spec.where)}


def _data_with_bare_tokens(body: bytes, cause: Exception) -> bytes:
    """Find ``data`` in a body that msgspec refuses, since bare NaN and Infinity are legal here."""
    try:
        document = bare_tokens.read(body)
        if not isinstance(document, dict) or "data" not in document:
            raise InvalidInput('the body must be a JSON object with the key "data"') from cause
        return bytes(bare_tokens.raw(document["data"]))
    except ValueError:
        raise InvalidInput(f"the body is not JSON: {cause}") from cause
