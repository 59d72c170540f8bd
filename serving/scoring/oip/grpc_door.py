"""``inference.GRPCInferenceService``: the Open Inference Protocol as Triton's clients speak it.

Methods are listed by name over messages of a private pool; each converts, calls, converts. ``grpc_server`` serves them.
"""

from __future__ import annotations

from typing import Any, Dict, Tuple

from ..runtimes.base import Call
from ..tensors import Tensors
from .grpc_codec import decode_request, encode_response, parameter_value
from .grpc_guard import Metadata, Method
from .grpc_management import Management
from .grpc_messages import message_classes
from .parameters import for_model, timeout_of
from .served_model import ServedModel
from .server_metadata import server_metadata


class GrpcInference:
    """The service's methods."""

    def __init__(self, model: ServedModel) -> None:
        self.model = model
        self.plane = model.plane
        self._signature = model.plane.runtime.signature
        self._batched = self._signature is not None and self._signature.batched
        self.messages = message_classes()
        self.methods: Dict[str, Method] = {
            "ServerLive": self.server_live,
            "ServerReady": self.server_ready,
            "ServerMetadata": self.server_metadata,
            "ModelReady": self.model_ready,
            "ModelMetadata": self.model_metadata,
            "ModelInfer": self.model_infer,
            **Management(model, self.messages).methods,
        }

    async def server_live(self, request: Any, context: Any, metadata: Metadata) -> Any:
        return self.messages["ServerLiveResponse"](live=True)

    async def server_ready(self, request: Any, context: Any, metadata: Metadata) -> Any:
        return self.messages["ServerReadyResponse"](ready=self.model.is_ready())

    async def server_metadata(self, request: Any, context: Any, metadata: Metadata) -> Any:
        return self.messages["ServerMetadataResponse"](**server_metadata())

    async def model_ready(self, request: Any, context: Any, metadata: Metadata) -> Any:
        """Answer false for a model that is not ours, as Triton does."""
        ready = self.model.is_ours(request.name, request.version) and self.model.is_ready()
        return self.messages["ModelReadyResponse"](ready=ready)

    async def model_metadata(self, request: Any, context: Any, metadata: Metadata) -> Any:
        self.model.check(request.name, request.version)
        return self.messages["ModelMetadataResponse"](**self.model.metadata())

    async def model_infer(self, request: Any, context: Any, metadata: Metadata) -> Any:
        tensors, call = self.read(request, context, metadata)
        outputs = await self.plane.infer(tensors, call)
        if call.cache:
            context.set_trailing_metadata((*context.trailing_metadata(), ("x-slipway-cache", call.cache.decode())))
        response = self.messages["ModelInferResponse"]()
        self.write(request, outputs, response)
        return response

    def read(self, request: Any, context: Any, metadata: Metadata) -> Tuple[Tensors, Call]:
        """Read a ModelInferRequest, of this call or of one in its stream.

        Raises:
            NotFound: it is not for this model.
            InvalidInput: its tensors or parameters cannot be read.
        """
        self.model.check(request.model_name, request.model_version)
        return decode_request(request, self._signature), self._call(request, context, metadata)

    def write(self, request: Any, outputs: Tensors, response: Any) -> None:
        """Fill a ModelInferResponse.

        Raises:
            InvalidInput: an output that was asked for cannot be given.
        """
        self.write_head(request, response)
        encode_response(request, outputs, response, self._batched)

    def write_head(self, request: Any, response: Any) -> None:
        """Say in a ModelInferResponse whose answer it is, and to what."""
        response.model_name = self.model.name
        response.model_version = self.model.version
        response.id = request.id

    def _call(self, request: Any, context: Any, metadata: Metadata) -> Call:
        headers = {
            key.encode(): value if isinstance(value, bytes) else value.encode() for key, value in metadata.items()
        }
        request_id, timeout_s = str(metadata["x-request-id"]), context.time_remaining()
        if not request.parameters:
            return self.plane.call(request_id, headers, timeout_s)
        parameters = {name: parameter_value(item) for name, item in request.parameters.items()}
        limits = [limit for limit in (timeout_s, timeout_of(parameters)) if limit is not None]
        call = self.plane.call(request_id, headers, min(limits, default=None))
        call.parameters = for_model(parameters)
        return call
