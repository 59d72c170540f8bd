"""Keep-alive connections that ask one thing after another and return each answer; ``client.py`` only counts them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from loadtest.bench.client import FINISH_WITHIN_S, Request, content_length


class Connection:
    """One, on which one request is under way at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def ask(self, request: Request) -> tuple[int, bytes]:
        """Return the status and the body.

        Raises:
            OSError, asyncio.IncompleteReadError: there was no whole answer.
            TimeoutError
        """
        self._writer.write(request.encode())
        async with asyncio.timeout(FINISH_WITHIN_S):
            head = await self._reader.readuntil(b"\r\n\r\n")
            return int(head[9:12]), await self._reader.readexactly(content_length(head))

    async def close(self) -> None:
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()


@contextlib.asynccontextmanager
async def connected(request: Request, count: int) -> AsyncIterator[list[Connection]]:
    """Open connections to where a request goes, for as long as the context lasts."""
    connections: list[Connection] = []
    try:
        while len(connections) < count:
            connections.append(Connection(*await asyncio.open_connection(request.host, request.port)))
        yield connections
    finally:
        for connection in connections:
            await connection.close()
