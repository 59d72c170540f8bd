"""What every gRPC call meets first: it is named, the edge's secret is checked, and what fails is worded by the one
table of statuses. Handlers take and give bytes: grpc's own conversions fail in words that nobody chose.
"""

from __future__ import annotations

import hmac
import logging
import uuid
from typing import Any, Awaitable, Callable, Dict, NoReturn, Optional, Tuple

import grpc

from ..errors import GRPC_STATUS, DeadlineExceeded, Forbidden, InvalidInput, Overloaded, ScoringError
from ..mirror import HEADER as MIRROR
from ..mirror import Mirror
from ..request_ids import MAX_ID, is_id
from ..runtimes.base import KEY_HEADER
from .grpc_wire import received, short

Metadata = Dict[str, Any]
Method = Callable[[Any, Any, Metadata], Awaitable[Any]]  # a message and its context to a message
Work = Callable[[Any, Metadata], Awaitable[None]]  # reads from and writes to the context

_log = logging.getLogger("slipway.scoring.grpc")


class Guard:
    """``secret`` is the edge's, without which nothing is answered; None asks nobody for it. ``mirror`` takes what that
    edge wants copied."""

    def __init__(self, secret: Optional[bytes], max_message_bytes: int, mirror: Optional[Mirror] = None) -> None:
        self._secret = secret
        self._mirror = mirror if secret else None
        self._max_message_bytes = max_message_bytes

    def unary(self, method: Method, kind: Any) -> Any:
        """Make a handler that gives ``method`` a message of ``kind``."""

        async def handle(message: bytes, context: Any) -> bytes:
            metadata = _named(context)
            try:
                self._admit(metadata)
                request = await received(message, kind, self._max_message_bytes)
                answer: bytes = (await method(request, context, metadata)).SerializeToString()
                if MIRROR in metadata and self._mirror is not None and kind.DESCRIPTOR.name == "ModelInferRequest":
                    trace = {b"traceparent": str(metadata.get("traceparent", "")).encode()}
                    self._mirror.after(metadata[MIRROR], metadata["x-request-id"], b"", trace, message, 0, {}, answer)
                return answer
            except Exception as error:
                await _abort(context, metadata, error)

        return grpc.unary_unary_rpc_method_handler(handle)

    def stream(self, work: Work) -> Any:
        """Make a handler whose ``work`` reads and writes messages as bytes."""

        async def handle(_: Any, context: Any) -> None:
            metadata = _named(context)
            try:
                self._admit(metadata)
                await work(context, metadata)
            except Exception as error:
                if context.done():  # the client has gone, in the midst of a write perhaps: nobody is to be told
                    return
                await _abort(context, metadata, error)

        return grpc.stream_stream_rpc_method_handler(handle)

    def _admit(self, metadata: Metadata) -> None:
        if self._secret is None:
            metadata.pop(KEY_HEADER.decode(), None)
        elif not hmac.compare_digest(str(metadata.get("x-slipway-edge", "")).encode(), self._secret):
            raise Forbidden("this scoring process answers its edge only")
        if not is_id(metadata["x-request-id"]):
            raise InvalidInput(f"x-request-id must be at most {MAX_ID} printable ASCII characters")


def _named(context: Any) -> Metadata:
    metadata = dict(context.invocation_metadata() or ())
    request_id = metadata.setdefault("x-request-id", "") or str(uuid.uuid4())
    metadata["x-request-id"] = request_id
    named = request_id if is_id(request_id) else str(uuid.uuid4())  # a trailer that grpc refuses is an error of ours
    context.set_trailing_metadata((("x-request-id", named),))
    return metadata


async def _abort(context: Any, metadata: Metadata, error: Exception) -> NoReturn:
    if isinstance(error, grpc.aio.AbortError):
        raise error
    if not isinstance(error, ScoringError):
        _log.error("unexpected error in request %s", metadata["x-request-id"], exc_info=error)
        error = ScoringError("internal error; see the log of this request id")
    if isinstance(error, (Overloaded, DeadlineExceeded)) and error.retry_after_s is not None:
        context.set_trailing_metadata((*context.trailing_metadata(), *_again(error.retry_after_s)))
    await context.abort(getattr(grpc.StatusCode, GRPC_STATUS[error.code]), short(error.message))
    raise AssertionError("abort raises")


def _again(retry_after_s: int) -> Tuple[Tuple[str, str], ...]:
    """Say when to try again, as HTTP does, and as grpc's own retries read it."""
    return ("retry-after", str(retry_after_s)), ("grpc-retry-pushback-ms", str(retry_after_s * 1000))
