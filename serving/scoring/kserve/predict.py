"""``/v1/models``: KServe's first protocol, for the one model of this process."""

from __future__ import annotations

from functools import partial

from ..dataplane import DataPlane
from ..errors import HTTP_STATUS, NotFound, ScoringError
from ..formats.json_forms import TENSOR_FORMS, form_of, tensors_of
from ..formats.json_rows import dump_json, rows_of
from ..http.calls import call_of, request_text
from ..http.messages import Request, Response, json_response
from ..runtimes.base import BodyLike, ScriptLike
from ..tensors import Tensors

MEDIA_TYPE = "application/json"  # whatever Content-Type says: its clients need not send one


class Predict:
    """The doors under ``/v1``. ``name`` is the endpoint's."""

    def __init__(self, plane: DataPlane, name: str) -> None:
        self._plane = plane
        self._name = name
        self._is_script = isinstance(plane.runtime, ScriptLike)
        self._reads_bodies = isinstance(plane.runtime, BodyLike)

    async def predict(self, request: Request) -> Response:
        """Answer ``{"instances": …}`` or ``{"inputs": …}``; a script gets the body as it gets it from ``/score``."""
        call = call_of(self._plane, request)
        if self._is_script:
            result = await self._plane.run_script(request_text(request), call)
            return Response(200, b'{"predictions": %b}' % result)
        if self._reads_bodies:
            form_of(request.body, TENSOR_FORMS)
            return Response(200, await self._plane.invoke(request.body, MEDIA_TYPE, call))
        signature = self._plane.runtime.signature
        assert signature is not None
        read = partial(tensors_of, request.body, signature, TENSOR_FORMS)
        return Response(200, await self._plane.answered(len(request.body), read, _predictions, call))

    async def explain(self, request: Request) -> Response:
        raise NotFound(f"model '{self._name}' has no explainer: ask /v1/models/{self._name}:predict")

    async def models(self, request: Request) -> Response:
        return json_response(200, {"models": [self._name]})

    async def ready(self, request: Request) -> Response:
        return json_response(200, {"name": self._name, "ready": True})


def _predictions(outputs: Tensors) -> bytes:
    return dump_json({"predictions": rows_of(outputs)})


def error_response(error: ScoringError) -> Response:
    """Word an error as KServe's server does."""
    return json_response(HTTP_STATUS[error.code], {"error": error.message})
