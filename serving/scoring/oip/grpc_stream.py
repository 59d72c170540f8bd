"""ModelStreamInfer, as Triton's: requests of one stream are answered one after another, each once or several times.

What goes wrong with one request is in its answer's ``error_message``, and the stream goes on. A client that does not
read its answers holds up the model's own iterator.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, AsyncGenerator, Dict, Optional, Set

import grpc

from ..errors import ScoringError, Unavailable
from ..runtimes.base import StreamLike
from ..tensors import Tensors
from .grpc_door import GrpcInference
from .grpc_wire import received

WANTS_FINAL = "triton_enable_empty_final_response"
IS_FINAL = "triton_final_response"

_log = logging.getLogger("slipway.scoring.grpc")


class OpenStreams:
    """Knows which streams wait for their client, so that none of them holds up a drain. One event loop's."""

    def __init__(self) -> None:
        self._draining = False
        self._idle: Set[asyncio.Task[Any]] = set()

    async def next(self, context: Any) -> Any:
        """Return the stream's next message as bytes, or ``grpc.aio.EOF``.

        Raises:
            Unavailable: the process is draining.
        """
        task = asyncio.current_task()
        assert task is not None
        try:
            if not self._draining:
                self._idle.add(task)
                return await context.read()
        except asyncio.CancelledError:
            if not self._draining:
                raise
        finally:
            self._idle.discard(task)
        raise Unavailable("this process is draining: open the stream again")

    def drain(self) -> None:
        """End every stream that waits now, and the others once they would."""
        self._draining = True
        for task in self._idle:
            task.cancel()


class StreamInfer:
    """The method, over the same conversions as ``service``'s ModelInfer."""

    def __init__(self, service: GrpcInference, streams: OpenStreams, max_message_bytes: int) -> None:
        self._service = service
        self._streams = streams
        self._max_message_bytes = max_message_bytes
        runtime = service.plane.runtime
        self._decoupled = isinstance(runtime, StreamLike) and runtime.decoupled
        self._request = service.messages["ModelInferRequest"]
        self._response = service.messages["ModelStreamInferResponse"]

    async def serve(self, context: Any, metadata: Dict[str, Any]) -> None:
        """Answer every request of the stream that ``context`` reads and writes.

        Raises:
            Unavailable: the process is draining.
        """
        while (message := await self._streams.next(context)) is not grpc.aio.EOF:
            answers = self._answers(message, context, metadata)
            try:
                async for answer in answers:
                    await context.write(answer.SerializeToString())
            finally:
                await answers.aclose()

    async def _answers(self, message: bytes, context: Any, metadata: Dict[str, Any]) -> AsyncGenerator[Any, None]:
        request = self._request()
        try:
            request = await received(message, self._request, self._max_message_bytes)
            tensors, call = self._service.read(request, context, metadata)
            drawn = await self._service.plane.stream(tensors, call)
            try:
                async for outputs in drawn:
                    yield self._answer(request, outputs)
            finally:
                await drawn.aclose()
        except ScoringError as error:
            yield self._failed(request, error)
        except Exception:
            _log.exception("unexpected error in request %s", metadata["x-request-id"])
            yield self._failed(request, ScoringError("internal error; see the log of this request id"))
        else:
            if self._decoupled and request.parameters[WANTS_FINAL].bool_param:
                yield self._answer(request, None)

    def _answer(self, request: Any, outputs: Optional[Tensors]) -> Any:
        """Word one answer; without outputs the empty one that says that no more come."""
        response = self._response()
        if outputs is None:
            self._service.write_head(request, response.infer_response)
        else:
            self._service.write(request, outputs, response.infer_response)
        response.infer_response.parameters[IS_FINAL].bool_param = outputs is None or not self._decoupled
        return response

    def _failed(self, request: Any, error: ScoringError) -> Any:
        response = self._response(error_message=error.message)
        response.infer_response.id = request.id
        response.infer_response.parameters[IS_FINAL].bool_param = True
        return response
