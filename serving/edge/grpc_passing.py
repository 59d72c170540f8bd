"""Passes a call on to the endpoint that its first message names, where HAProxy could not see the name: the message is
compressed, or names it behind its first 32 KiB. It goes through the edge's own port again, with the name as metadata.
"""

import asyncio
from typing import Any

import grpc

from serving.scoring.errors import InvalidInput, Overloaded
from serving.scoring.oip.grpc_guard import Metadata
from serving.scoring.oip.grpc_schema import SERVICE
from serving.scoring.oip.grpc_wire import RAW_MESSAGES, inflated, parsed

AT_ONCE = 8  # each may hold a message of MAX_MESSAGE_BYTES twice
MAX_MESSAGE_BYTES = 64 << 20
PASSED = ("x-slipway-routed", "1")  # tells HAProxy that the call has another line
_OURS = ("endpoint", "user-agent")


class Passing:
    """``address`` is the edge's own gRPC port."""

    def __init__(self, address: str, messages: dict[str, Any]) -> None:
        self._messages = messages
        self._under_way = 0
        unbounded = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        self._channel = grpc.aio.insecure_channel(address, options=[*unbounded, RAW_MESSAGES])

    async def close(self) -> None:
        await self._channel.close()

    async def pass_on(self, method: str, context: Any, metadata: Metadata) -> None:
        """Be the other side of each side until both are done.

        Raises:
            InvalidInput: the first message is none of the method's, or names no endpoint.
            Overloaded: too many calls are passed on already.
        """
        if self._under_way >= AT_ONCE:
            raise Overloaded("too many compressed calls at once: send the endpoint as metadata 'endpoint'", 1)
        self._under_way += 1
        try:
            first = await context.read()
            if first is not grpc.aio.EOF:
                await self._relay(method, await inflated(first, MAX_MESSAGE_BYTES), context, metadata)
        finally:
            self._under_way -= 1

    async def _relay(self, method: str, first: bytes, context: Any, metadata: Metadata) -> None:
        kept = [(name, value) for name, value in metadata.items() if name not in _OURS]
        call = self._channel.stream_stream(f"/{SERVICE}/{method}")(
            metadata=[*kept, ("endpoint", self._named(method, first))], timeout=context.time_remaining()
        )
        sending = asyncio.create_task(_send(first, context, call))
        try:
            head = await call.initial_metadata()
            await context.send_initial_metadata((*_plain(head), PASSED))
            while (answer := await call.read()) is not grpc.aio.EOF:
                await context.write(answer)
            context.set_trailing_metadata(_plain(await call.trailing_metadata()))
            context.set_code(await call.code())
            context.set_details(await call.details())
        except grpc.aio.AioRpcError as error:
            await context.abort(error.code(), error.details() or "", _plain(error.trailing_metadata() or ()))
        finally:
            sending.cancel()
            call.cancel()

    def _named(self, method: str, message: bytes) -> str:
        kind = self._messages["ModelInferRequest" if method == "ModelStreamInfer" else f"{method}Request"]
        request = parsed(message, kind)
        name = request.model_name if "model_name" in kind.DESCRIPTOR.fields_by_name else request.name
        if not name.isascii() or not name.isprintable() or not name:
            raise InvalidInput("this call names no endpoint: send its name as model_name, or as metadata 'endpoint'")
        return str(name)


async def _send(message: Any, context: Any, call: Any) -> None:
    while message is not grpc.aio.EOF:
        await call.write(message)
        if (message := await context.read()) is not grpc.aio.EOF:
            message = await inflated(message, MAX_MESSAGE_BYTES)
    await call.done_writing()


def _plain(metadata: Any) -> tuple[tuple[str, Any], ...]:
    return tuple((name, value) for name, value in metadata if not name.startswith("grpc-"))
