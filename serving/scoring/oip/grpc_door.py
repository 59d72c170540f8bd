"""``inference.GRPCInferenceService`` on grpc.aio: the Open Inference Protocol as Triton's clients speak it.

Methods are registered by name over messages of a private pool; each converts, calls, converts.
"""

from __future__ import annotations

import hmac
import logging
import uuid
from typing import Any, Awaitable, Callable, Dict, Optional, Tuple

import grpc
from google.protobuf.message import DecodeError

from ..errors import GRPC_STATUS, Forbidden, InvalidInput, LoadFailed, ScoringError
from ..runtimes.base import Call
from .grpc_codec import decode_request, encode_response, parameter_value
from .grpc_management import Management, Method
from .grpc_messages import message_classes
from .grpc_schema import SERVICE
from .parameters import for_model, timeout_of
from .served_model import ServedModel, server_metadata

MAX_TRAILER_BYTES = 2000  # a client refuses more than 8 KiB of them, and a byte may become three

_log = logging.getLogger("slipway.scoring.grpc")


class GrpcInference:
    """The service's methods."""

    def __init__(self, model: ServedModel) -> None:
        self._model = model
        self._plane = model.plane
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

    async def server_live(self, request: Any, context: Any, metadata: Dict[str, Any]) -> Any:
        return self.messages["ServerLiveResponse"](live=True)

    async def server_ready(self, request: Any, context: Any, metadata: Dict[str, Any]) -> Any:
        return self.messages["ServerReadyResponse"](ready=self._model.is_ready())

    async def server_metadata(self, request: Any, context: Any, metadata: Dict[str, Any]) -> Any:
        return self.messages["ServerMetadataResponse"](**server_metadata())

    async def model_ready(self, request: Any, context: Any, metadata: Dict[str, Any]) -> Any:
        """Answer false for a model that is not ours, as Triton does."""
        ready = self._model.is_ours(request.name, request.version) and self._model.is_ready()
        return self.messages["ModelReadyResponse"](ready=ready)

    async def model_metadata(self, request: Any, context: Any, metadata: Dict[str, Any]) -> Any:
        self._model.check(request.name, request.version)
        return self.messages["ModelMetadataResponse"](**self._model.metadata())

    async def model_infer(self, request: Any, context: Any, metadata: Dict[str, Any]) -> Any:
        self._model.check(request.model_name, request.model_version)
        tensors = decode_request(request, self._signature)
        outputs = await self._plane.infer(tensors, self._call(request, context, metadata))
        response = self.messages["ModelInferResponse"](
            model_name=self._model.name, model_version=self._model.version, id=request.id
        )
        encode_response(request, outputs, response, self._batched)
        return response

    def _call(self, request: Any, context: Any, metadata: Dict[str, Any]) -> Call:
        headers = {
            key.encode(): value if isinstance(value, bytes) else value.encode() for key, value in metadata.items()
        }
        request_id, timeout_s = str(metadata["x-request-id"]), context.time_remaining()
        if not request.parameters:
            return self._plane.call(request_id, headers, timeout_s)
        parameters = {name: parameter_value(item) for name, item in request.parameters.items()}
        limits = [limit for limit in (timeout_s, timeout_of(parameters)) if limit is not None]
        call = self._plane.call(request_id, headers, min(limits, default=None))
        call.parameters = for_model(parameters)
        return call


async def start_grpc(
    service: GrpcInference, host: str, port: int, secret: Optional[bytes], max_message_bytes: int
) -> Tuple[Any, int]:
    """Serve on ``host:port`` (0 takes a free one) and return the server and its port.

    Raises:
        LoadFailed: the port cannot be had.
    """
    options = [
        ("grpc.max_receive_message_length", max_message_bytes),
        ("grpc.max_send_message_length", -1),
        ("grpc.so_reuseport", 0),
    ]
    server = grpc.aio.server(options=options)
    handlers = {  # without grpc's own conversions, whose failures nobody can word
        name: grpc.unary_unary_rpc_method_handler(_guarded(method, service.messages[f"{name}Request"], secret))
        for name, method in service.methods.items()
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    try:
        bound = server.add_insecure_port(f"{host}:{port}")
    except RuntimeError as error:
        raise LoadFailed(f"cannot listen on {host}:{port} for gRPC: the port is taken") from error
    await server.start()
    return server, bound


def _guarded(method: Method, kind: Any, secret: Optional[bytes]) -> Callable[[bytes, Any], Awaitable[bytes]]:
    """Check the edge's secret, name the request, convert messages, and word errors by the one table of statuses."""

    async def handle(message: bytes, context: Any) -> bytes:
        metadata = dict(context.invocation_metadata() or ())
        request_id = metadata.setdefault("x-request-id", "") or str(uuid.uuid4())
        metadata["x-request-id"] = request_id
        context.set_trailing_metadata((("x-request-id", request_id),))
        try:
            if secret is not None:
                given = str(metadata.get("x-slipway-edge", "")).encode()
                if not hmac.compare_digest(given, secret):
                    raise Forbidden("this scoring process answers its edge only")
            answer: bytes = (await method(_parsed(message, kind), context, metadata)).SerializeToString()
            return answer
        except ScoringError as error:
            failure = error
        except Exception:
            _log.exception("unexpected error in request %s", request_id)
            failure = ScoringError("internal error; see the log of this request id")
        await context.abort(getattr(grpc.StatusCode, GRPC_STATUS[failure.code]), _short(failure.message))
        raise AssertionError("abort raises")

    return handle


def _parsed(message: bytes, kind: Any) -> Any:
    try:
        return kind.FromString(message)
    except DecodeError as error:
        raise InvalidInput(f"the message is no {kind.DESCRIPTOR.name}: {error}") from error


def _short(message: str) -> str:
    """Cut a message so that it fits in trailers however it is escaped there."""
    return message.encode()[:MAX_TRAILER_BYTES].decode("utf-8", "ignore")
