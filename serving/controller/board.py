"""The published routing table: long-polled by agents, kept on disk so that its generation grows across restarts."""

import asyncio
import contextlib
import logging
from pathlib import Path

import msgspec

from serving.wire.routing import RoutingTable

log = logging.getLogger("slipway.controller")


class Board:
    """Publish tables and let callers wait for a newer one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._changed = asyncio.Condition()
        self.table = self._load()

    async def publish(self, table: RoutingTable) -> None:
        """Store ``table`` on disk, then show it; one that is not newer is ignored."""
        if table.generation <= self.table.generation:
            return
        await asyncio.to_thread(self._store, table)
        async with self._changed:
            self.table = table
            self._changed.notify_all()

    async def newer_than(self, generation: int, wait_s: float) -> RoutingTable:
        """Return the current table at once if it is newer, else after the next change or ``wait_s`` seconds."""
        async with self._changed:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(
                    self._changed.wait_for(lambda: self.table.generation > generation), timeout=wait_s
                )
            return self.table

    def _load(self) -> RoutingTable:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=RoutingTable)
        except FileNotFoundError:
            return RoutingTable(generation=0)
        except msgspec.MsgspecError as error:
            # Agents ignore a table older than theirs, so starting again from 0 would silence the edges: refuse.
            raise SystemExit(
                f"slipway controller: {self._path} is damaged ({error}); restore it, or delete it and every "
                "edge's routing.json to start from an empty table"
            ) from error

    def _store(self, table: RoutingTable) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        partial = self._path.with_suffix(".partial")
        partial.write_bytes(msgspec.json.encode(table))
        partial.replace(self._path)
