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

from ..dataplane import DataPlane
from ..errors import GRPC_STATUS, Forbidden, InvalidInput, LoadFailed, NotFound, ScoringError
from ..protocol import VERSION
from .grpc_codec import decode_request, encode_response
from .grpc_messages import message_classes
from .grpc_schema import SERVICE
from .http_door import EXTENSIONS, SERVER_NAME, described

MAX_TRAILER_BYTES = 2000  # a client refuses more than 8 KiB of them, and a byte may become three
Method = Callable[[Any, Any, Dict[str, Any]], Awaitable[Any]]

_log = logging.getLogger("slipway.scoring.grpc")


class GrpcInference:
    """The service's methods. ``name`` is the endpoint's, ``version`` the model version's."""

    def __init__(self, plane: DataPlane, name: str, version: str) -> None:
        self._plane = plane
        self._name = name
        self._version = version
        self.messages = message_classes()
        self.methods: Dict[str, Method] = {
            "ServerLive": self.server_live,
            "ServerReady": self.server_ready,
            "ServerMetadata": self.server_metadata,
            "ModelReady": self.model_ready,
            "ModelMetadata": self.model_metadata,
            "ModelInfer": self.model_infer,
        }

    async def server_live(self, request: Any, context: Any, metadata: Dict[str, Any]) -> Any:
        return self.messages["ServerLiveResponse"](live=True)

    async def server_ready(self, request: Any, context: Any, metadata: Dict[str, Any]) -> Any:
        return self.messages["ServerReadyResponse"](ready=True)

    async def server_metadata(self, request: Any, context: Any, metadata: Dict[str, Any]) -> Any:
        return self.messages["ServerMetadataResponse"](name=SERVER_NAME, version=VERSION, extensions=EXTENSIONS)

    async def model_ready(self, request: Any, context: Any, metadata: Dict[str, Any]) -> Any:
        """Answer false for a model that is not ours, as Triton does."""
        return self.messages["ModelReadyResponse"](ready=self._is_ours(request.name, request.version))

    async def model_metadata(self, request: Any, context: Any, metadata: Dict[str, Any]) -> Any:
        self._check_model(request.name, request.version)
        signature = self._plane.runtime.signature
        return self.messages["ModelMetadataResponse"](
            name=self._name,
            versions=[self._version],
            platform=self._plane.runtime.platform,
            inputs=described(signature.inputs if signature else ()),
            outputs=described(signature.outputs if signature else ()),
        )

    async def model_infer(self, request: Any, context: Any, metadata: Dict[str, Any]) -> Any:
        self._check_model(request.model_name, request.model_version)
        tensors = decode_request(request, self._plane.runtime.signature)
        headers = {
            key.encode(): value if isinstance(value, bytes) else value.encode() for key, value in metadata.items()
        }
        call = self._plane.call(str(metadata["x-request-id"]), headers, context.time_remaining())
        outputs = await self._plane.infer(tensors, call)
        response = self.messages["ModelInferResponse"](
            model_name=self._name, model_version=self._version, id=request.id
        )
        encode_response(request, outputs, response)
        return response

    def _is_ours(self, name: str, version: str) -> bool:
        return name.lower() == self._name.lower() and version in ("", self._version)

    def _check_model(self, name: str, version: str) -> None:
        if name.lower() != self._name.lower():
            raise NotFound(f"Request for unknown model: '{name}' is not found")
        if version not in ("", self._version):
            raise NotFound(f"Request for unknown model: '{name}' version {version} is not found")


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
