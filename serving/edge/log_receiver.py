"""Receives the request lines that HAProxy's ring sends, over a private socket. Works on chunks, not on lines.

A frame is a line: our format escapes the users' strings as JSON and takes all else from HAProxy's numbers and our
maps, so no field can hold a newline (the tests try).
"""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

from serving.wire.request_line import MARK, OLD_MARK, SEPARATOR

CHUNK_BYTES = 1 << 20
GATHER_S = 0.05  # lines arrive one by one; looking every 50 ms costs a twentieth of looking at each
CLOSED_WITHIN_S = 2.0

# A HAProxy of the version before writes its own lines while it ends.
_BEGINS = tuple(f"{mark}{SEPARATOR}".encode() for mark in (MARK, OLD_MARK))
_TAB = SEPARATOR.encode()


def tidy(lines: bytes) -> bytes:
    """Turn HAProxy's way of writing nothing (``-``, ``<NOSRV>``) and ``+1`` retries into the schema's.

    Lines that are not requests (HAProxy announces its own start and stop) are dropped.
    """
    known = lines.startswith(_BEGINS) + sum(lines.count(b"\n" + begin) for begin in _BEGINS)
    if known != lines.count(b"\n"):
        lines = b"".join(line for line in lines.splitlines(keepends=True) if line.startswith(_BEGINS))
    lines = lines.replace(b"\t<NOSRV>\t", b"\t\t").replace(b"\t+1\t", b"\t1\t")
    if b"\t-\t" in lines:
        lines = lines.replace(b"\t-\t", b"\t\t").replace(b"\t-\t", b"\t\t")
    return lines.replace(b"\t-\n", b"\t\n")


class LogReceiver:
    """Hands whole, tidied lines to ``put``, which may keep it waiting; then HAProxy's ring holds what comes."""

    def __init__(self, path: Path, put: Callable[[bytes], Awaitable[object]]) -> None:
        self._path = path
        self._put = put
        self._connections: dict[asyncio.Task[None], bytes] = {}  # → boot id, once known
        self.last: dict[bytes, bytes] = {}  # boot id → the last line received, as it came

    async def run(self) -> None:
        """Accept, for ever."""
        loop = asyncio.get_running_loop()
        with contextlib.closing(self._listen()) as listener:
            while True:
                connection, _ = await loop.sock_accept(listener)
                task = asyncio.create_task(self._receive(connection))
                self._connections[task] = b""
                task.add_done_callback(self._connections.pop)

    async def all_received(self, boot: str) -> None:
        """Return when a HAProxy that has ended has nothing more in its connection, or after a while."""
        tasks = [task for task, its in self._connections.items() if its in (b"", boot.encode())]
        if tasks:
            await asyncio.wait(tasks, timeout=CLOSED_WITHIN_S)

    def _listen(self) -> socket.socket:
        self._path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self._path))
        self._path.chmod(0o600)
        listener.listen()
        listener.setblocking(False)
        return listener

    async def _receive(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        assert task is not None
        rest = b""
        with contextlib.closing(connection), contextlib.suppress(ConnectionError):
            connection.setblocking(False)
            while chunk := await loop.sock_recv(connection, CHUNK_BYTES):
                whole, newline, rest = (rest + chunk).rpartition(b"\n")
                if newline:
                    last = whole[whole.rfind(b"\n") + 1 :]
                    if last.startswith(_BEGINS):
                        boot = last.split(_TAB, 2)[1]
                        self._connections[task] = boot
                        self.last[boot] = last
                    await self._put(tidy(whole + newline))
                await asyncio.sleep(GATHER_S)
