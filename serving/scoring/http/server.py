"""The listening socket and all of its connections: how many there may be, their pace, their end."""

from __future__ import annotations

import asyncio
import heapq
import resource
import socket
from typing import Optional, Set

from .bodies import Bodies
from .connection import App, Connection, Refuse

SWEEP_S = 1.0
MAX_CONNECTIONS = 4096
OTHER_FILES = 256  # a script's, a model's, gRPC's


class HttpServer:
    """Serve ``app`` on a listening socket; ``refuse`` words the answers to requests that never reach it.

    Of more than ``max_connections`` the one goes that has waited longest for its client.
    """

    def __init__(self, app: App, refuse: Refuse, bodies: Bodies, max_connections: int = MAX_CONNECTIONS) -> None:
        self.app = app
        self.refuse = refuse
        self.bodies = bodies
        self._max_connections = max_connections
        self.draining = False
        self.connections: Set[Connection] = set()
        self._listener: Optional[asyncio.AbstractServer] = None
        self._sweeper: Optional[asyncio.TimerHandle] = None

    async def start(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(lambda: Connection(self, loop), sock=listening, backlog=2048)
        self._sweep(loop)

    def admit(self, connection: Connection) -> None:
        """Count a new connection, at the cost of another if there are too many."""
        self.connections.add(connection)
        if len(self.connections) > self._max_connections:
            some = 1 + self._max_connections // 64  # or looking for them would be the work of each that comes
            for oldest in heapq.nsmallest(some, self.connections, key=Connection.waits_since):
                oldest.give_way()

    def leave(self, connection: Connection) -> None:
        """Forget a connection that is closed."""
        self.connections.discard(connection)

    async def drain(self) -> None:
        """Stop accepting, let every request that has begun to arrive be answered, then return."""
        self.draining = True
        if self._listener is not None:
            self._listener.close()
        for connection in list(self.connections):
            connection.close_if_idle()
        while self.connections:  # noqa: ASYNC110 - an Event would cost every connection a line for this one wait
            await asyncio.sleep(0.02)
        if self._sweeper is not None:
            self._sweeper.cancel()

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for connection in list(self.connections):
            connection.check_pace(now)
        self._sweeper = loop.call_later(SWEEP_S, self._sweep, loop)


def allowed_connections() -> int:
    """Raise the bound on open files as far as it goes, and return how many connections that leaves."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_CONNECTIONS + OTHER_FILES
    if soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return max(min(MAX_CONNECTIONS, soft - OTHER_FILES), 1)
