"""``/v2``: the Open Inference Protocol over HTTP, for the one model of this process."""

from __future__ import annotations

from typing import Any, Dict, List, Sequence

from ..dataplane import DataPlane
from ..errors import HTTP_STATUS, ScoringError
from ..http.calls import call_of
from ..http.messages import Request, Response, json_response
from ..protocol import VERSION
from ..runtimes.base import provider_of
from ..tensors import TensorSpec
from .http_codec import HEADER_LENGTH, decode_head, decode_tensors, encode_outputs, split_body

SERVER_NAME = "slipway"
EXTENSIONS = ["binary_tensor_data"]


class OpenInference:
    """The doors under ``/v2``. ``name`` is the endpoint's, ``version`` the model version's."""

    def __init__(self, plane: DataPlane, name: str, version: str) -> None:
        self._plane = plane
        self._name = name
        self._version = version

    async def infer(self, request: Request) -> Response:
        headers, body = request.headers, request.body
        json_length = split_body(body, headers.get(HEADER_LENGTH))
        head = decode_head(body, json_length)
        tensors = decode_tensors(head, body, json_length, self._plane.runtime.signature)
        outputs = await self._plane.infer(tensors, call_of(self._plane, request))
        return encode_outputs(head, outputs, self._name, self._version)

    async def server_metadata(self, request: Request) -> Response:
        return json_response(200, {"name": SERVER_NAME, "version": VERSION, "extensions": EXTENSIONS})

    async def live(self, request: Request) -> Response:
        return json_response(200, {"live": True})

    async def ready(self, request: Request) -> Response:
        return json_response(200, {"ready": True})

    async def model_ready(self, request: Request) -> Response:
        return json_response(200, {"name": self._name, "ready": True})

    async def model_metadata(self, request: Request) -> Response:
        runtime = self._plane.runtime
        signature = runtime.signature
        provider = provider_of(runtime)
        document = {
            "name": self._name,
            "versions": [self._version],
            "platform": runtime.platform,
            "inputs": described(signature.inputs if signature else ()),
            "outputs": described(signature.outputs if signature else ()),
            **({"properties": {"execution_provider": provider}} if provider else {}),
        }
        return json_response(200, document)


def error_response(error: ScoringError) -> Response:
    """Word an error as every client of the protocol reads it."""
    return json_response(HTTP_STATUS[error.code], {"error": error.message})


def described(specs: Sequence[TensorSpec]) -> List[Dict[str, Any]]:
    """Describe tensors as model metadata does."""
    return [{"name": spec.name, "datatype": spec.datatype, "shape": list(spec.shape)} for spec in specs]
