"""Make the running HAProxy agree with a routing table, and keep its files in step so that a restart sees the same."""

import asyncio
import logging
import secrets

import msgspec

from serving.edge.changes import changes_between
from serving.edge.config import render_config
from serving.edge.errors import AdminSocketAway, CommandRefused
from serving.edge.haproxy import Haproxy, HaproxyProcess, write_private
from serving.edge.maps import map_text, maps_of
from serving.edge.merge import merge
from serving.edge.runtime import Runtime
from serving.edge.settings import EdgeSettings
from serving.wire.routing import RoutingTable

log = logging.getLogger("slipway.edge")


class Applier:
    """Holds the applied table; ``log_address`` is where a new HAProxy sends its lines."""

    def __init__(self, settings: EdgeSettings, haproxy: Haproxy, runtime: Runtime, log_address: str) -> None:
        self._settings = settings
        self._haproxy = haproxy
        self._runtime = runtime
        self._log_address = log_address
        self._removed: set[str] = set()
        self._turn = asyncio.Lock()  # one change at a time: while a reload replaces HAProxy, its end is no death
        self.table = self._load()

    async def apply(self, incoming: RoutingTable) -> None:
        """Apply a table; one that is not newer changes nothing.

        Raises:
            EdgeError: it can't be applied; HAProxy goes on with the table before.
        """
        async with self._turn:
            table = merge(self.table, incoming)
            if table is not self.table:
                await self._change_to(table)
                self.table = table
                write_private(self._settings.table_file, msgspec.json.encode(table))

    async def start(self) -> None:
        """Start HAProxy, or another in its place, with the applied table. Raises EdgeError."""
        async with self._turn:
            await self._start(self.table)

    async def revive(self, ended: HaproxyProcess) -> bool:
        """Start HAProxy again if the one that ``ended`` was still the one to serve; say whether it was.

        Raises:
            EdgeError: it does not start.
        """
        async with self._turn:
            if self._haproxy.process is not ended:
                return False
            await self._start(self.table)
            return True

    async def _change_to(self, table: RoutingTable) -> None:
        changes = changes_between(self.table, table)
        if changes.reload:
            await self._start(table)
        else:
            try:
                for command in changes.commands:
                    await self._runtime.do(command.text, command.accepted)
            except (CommandRefused, AdminSocketAway) as error:
                log.warning("a change at run time failed, reloading instead: %s", error)
                await self._start(table)
            else:
                self._removed.update(changes.removed)
                self._write_maps(table)

    async def delete_idle(self) -> None:
        """Delete the servers that were taken out and have no request in flight any more."""
        for target in sorted(self._removed):
            try:
                if await self._in_use(target):
                    continue
                await self._runtime.do(f"set server {target} state maint")
                await self._runtime.do(f"del server {target}", ("Server deleted.",))
            except CommandRefused as error:
                log.debug("not deleted yet: %s", error)
            except AdminSocketAway:
                return
            else:
                self._removed.discard(target)

    async def _in_use(self, target: str) -> bool:
        """Say whether a stream uses the server (field used_cur of ``show servers conn``)."""
        lines = (await self._runtime.ask(f"show servers conn {target.partition('/')[0]}")).splitlines()
        headings = next((line.lstrip("# ").split() for line in lines if line.startswith("#")), [])
        rows = (line.split() for line in lines)
        return any(row[headings.index("used_cur")] != "0" for row in rows if row and row[0] == target)

    async def _start(self, table: RoutingTable) -> None:
        boot = secrets.token_hex(6)
        self._write_maps(table)
        await self._haproxy.start(render_config(table), boot, self._log_address)
        self._removed.clear()
        log.info("HAProxy %s serves routing table %d", boot, table.generation)

    def _write_maps(self, table: RoutingTable) -> None:
        for name, entries in maps_of(table).items():
            path = self._settings.data_dir / name
            path.parent.mkdir(exist_ok=True)
            write_private(path, map_text(entries).encode())

    def _load(self) -> RoutingTable:
        try:
            return msgspec.json.decode(self._settings.table_file.read_bytes(), type=RoutingTable)
        except FileNotFoundError:
            return RoutingTable(generation=-1)
        except msgspec.MsgspecError as error:
            log.error("the routing table on disk is damaged and set aside: %s", error)
            return RoutingTable(generation=-1)
