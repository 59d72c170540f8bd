"""Sends copies over gRPC to the edge's socket for them."""

from pathlib import Path

import grpc

from serving.edge.mirroring.http_copies import CopyAnswer
from serving.scoring.oip.grpc_schema import SERVICE

OK = 0


class CopyChannel:
    """The same message as came, compressed or not. ``deadline_s`` is how long an answer may take."""

    def __init__(self, socket: Path) -> None:
        unbounded = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        self._channel = grpc.aio.insecure_channel(f"unix:{socket}", options=unbounded)
        self._infer = self._channel.unary_unary(f"/{SERVICE}/ModelInfer")

    async def send(self, endpoint: str, deployment: str, headers: dict[str, str], message: bytes) -> CopyAnswer:
        """Send a copy and return its answer, with gRPC's number of a status."""
        metadata = [("endpoint", endpoint), ("azureml-model-deployment", deployment), *headers.items()]
        call = self._infer(message, metadata=metadata)
        try:
            answer = await call
            status = OK
        except grpc.aio.AioRpcError as error:
            answer, status = b"", error.code().value[0]
        head = {str(name).encode(): str(value).encode() for name, value in await call.initial_metadata() or ()}
        return CopyAnswer(status, head, answer)

    async def close(self) -> None:
        await self._channel.close()
