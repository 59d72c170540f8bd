"""Takes what scoring processes have answered, and gives each copy to its lane."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

import msgspec

from serving.edge.mirroring.lane import Lane
from serving.scoring.mirror import LENGTH, MOST_BYTES, Answered, Message

MAX_FRAME_BYTES = MOST_BYTES + (1 << 20)

log = logging.getLogger("slipway.mirror")


class Intake:
    """``lane_of`` makes the lane to a deployment of an endpoint."""

    def __init__(self, socket: Path, lane_of: Callable[[str, str], Lane]) -> None:
        self._socket = socket
        self._lane_of = lane_of
        self._server: asyncio.Server | None = None
        self.lanes: dict[tuple[str, str], Lane] = {}

    async def start(self) -> None:
        """Listen. What a process that was killed has left at the socket's place is replaced."""
        self._socket.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._receive, str(self._socket))

    def stop(self) -> None:
        """Take no more."""
        if self._server is not None:
            self._server.close()

    async def _receive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        decoder = msgspec.msgpack.Decoder(Message)
        try:
            while True:
                (size,) = LENGTH.unpack(await reader.readexactly(LENGTH.size))
                if size > MAX_FRAME_BYTES:
                    log.error("a scoring process hands over %d bytes at once: it is not listened to", size)
                    return
                self._distribute(decoder.decode(await reader.readexactly(size)))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # it has ended
        except msgspec.MsgspecError as error:
            log.error("a scoring process hands over what is no message: %s", error)
        finally:
            writer.close()

    def _distribute(self, message: Message) -> None:
        endpoint = message.backend.partition(".")[0]
        if isinstance(message, Answered):
            for name in message.targets:
                self._lane(endpoint, name).offer(message)
            return
        for name, copies in message.counts.items():
            self._lane(endpoint, name).drop(message.backend, copies)

    def _lane(self, endpoint: str, deployment: str) -> Lane:
        key = (endpoint, deployment)
        if key not in self.lanes:
            self.lanes[key] = self._lane_of(endpoint, deployment)
        return self.lanes[key]
