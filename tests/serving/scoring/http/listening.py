"""A listening server in front of an application of a few lines, and what a client reads of it."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import uvloop

from serving.scoring.app import refuse
from serving.scoring.http.bodies import Bodies
from serving.scoring.http.connection import App
from serving.scoring.http.server import HttpServer


def serve(app: App, talk: Callable[..., Awaitable[Any]], max_body_bytes: int = 100, **limits: int) -> Any:
    """Run ``talk(server, connect)`` against a server of ``app``, and drain it."""

    async def run() -> Any:
        server = HttpServer(app, refuse, Bodies(max_body_bytes), **limits)
        listening = socket.create_server(("127.0.0.1", 0))
        await server.start(listening)
        address = listening.getsockname()
        writers: list[asyncio.StreamWriter] = []

        async def connect(**options: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
            reader, writer = await asyncio.open_connection(*address, **options)
            writers.append(writer)
            return reader, writer

        async with asyncio.timeout(20):
            try:
                return await talk(server, connect)
            finally:
                for writer in writers:
                    writer.close()
                await server.drain()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # the process' own kind of loop
        return runner.run(run())


Head = tuple[int, dict[str, str]]


async def head(reader: asyncio.StreamReader) -> Head:
    """Read an answer's status and headers."""
    lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    return int(lines[0].split()[1]), dict(line.lower().split(": ", 1) for line in lines[1:] if line)


async def answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    """Read a whole answer that says its length."""
    status, headers = await head(reader)
    return status, headers, await reader.readexactly(int(headers.get("content-length", 0)))


async def until(reached: Callable[[], bool]) -> None:
    """Wait for what the loop does by itself, such as a buffer that fills."""
    while not reached():  # noqa: ASYNC110 - nobody sets an event for it
        await asyncio.sleep(0.001)
