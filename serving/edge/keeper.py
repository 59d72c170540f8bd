"""Keeps one HAProxy alive with the applied routing table, and its files and records in order."""

import asyncio
import logging

import msgspec

from serving.edge.applier import plan
from serving.edge.config import shape_of, template_digest
from serving.edge.errors import AdminSocketAway, CommandRefused, EdgeError
from serving.edge.files import read_table, replace_file, write_haproxy_files
from serving.edge.haproxy import Launcher, Life
from serving.edge.listeners import Listeners, bind_listeners, listeners_of
from serving.edge.merge import merge
from serving.edge.salvage import Salvage
from serving.edge.settings import EdgeSettings
from serving.edge.sound import sound_part
from serving.wire.routing import RoutingTable

log = logging.getLogger("slipway.edge")

PAUSES_S = (0.0, 0.2, 1.0, 2.0)  # before HAProxy is started again, when it dies again and again
CALM_S = 30.0
STOP_GRACE_S = 2.0


class Lives(msgspec.Struct):
    """What is remembered on disk: the HAProxy that serves, and those that are finishing."""

    serving: Life
    finishing: list[Life] = []


class Keeper:
    """Owns HAProxy. Changes are made one at a time; ``table`` is the one that HAProxy holds."""

    def __init__(self, settings: EdgeSettings, launcher: Launcher, salvage: Salvage) -> None:
        self._settings = settings
        self._launcher = launcher
        self._salvage = salvage
        self._changing = asyncio.Lock()
        self._lives: Lives | None = None
        self._listeners: Listeners | None = None
        self._leaving: set[str] = set()
        self._died = asyncio.Event()
        self._watchers: set[asyncio.Task[None]] = set()
        self._burials: dict[str, asyncio.Task[None]] = {}
        self.table = read_table(settings.table_file) or RoutingTable(generation=0)

    async def open(self) -> None:
        """Adopt the HAProxy of an earlier agent, or start one.

        Raises:
            EdgeError: a port is taken, or HAProxy does not start.
        """
        host, ports = self._settings.host, (self._settings.http_port, self._settings.grpc_port)
        known = self._read_lives()
        serving = known.serving if known is not None and known.serving.alive else None
        if serving is not None:
            self._listeners = listeners_of(serving.pid, serving.sockets, host, *ports)
            if self._listeners is None:
                log.warning("HAProxy %s does not give up its ports: it is replaced", serving.boot)
                await self._launcher.stop(serving, STOP_GRACE_S)
                serving = None
        if self._listeners is None:
            self._listeners = bind_listeners(host, *ports)
        async with self._changing:
            write_haproxy_files(self._settings.data_dir, self.table)
            if known is not None and serving is not None:
                self._serve_with(known)
                await self._salvage.reread(serving.boot)
                log.info(
                    "adopted HAProxy %s (pid %d), routing table %d", serving.boot, serving.pid, self.table.generation
                )
                if serving.template != template_digest() or not serving.shape.covers(shape_of(self.table)):
                    await self._reload(self.table)
            else:
                await self._start(self.table)
        self._bury_the_dead()

    async def apply(self, new: RoutingTable) -> None:
        """Make HAProxy hold what of ``new`` is sound, by the rules of ``merge``; then the files on disk say the same.

        Raises:
            EdgeError: it could not be applied; HAProxy goes on with the table before.
        """
        sound, faults = sound_part(new)
        for fault in faults:
            log.error("left as it was: %s", fault)
        async with self._changing:
            table = merge(self.table, sound)
            if table is self.table:
                return
            assert self._lives is not None
            way = plan(self._lives.serving.shape, self.table, table)
            if way.reload:
                await self._reload(table)
            else:
                await self._command(way.commands, table)
                self._leaving |= set(way.leaving)
            write_haproxy_files(self._settings.data_dir, table)
            replace_file(self._settings.table_file, msgspec.json.encode(table))
            self.table = table

    async def keep_alive(self) -> None:
        """Start HAProxy again whenever it dies, for ever."""
        loop = asyncio.get_running_loop()
        deaths, last_s = 0, 0.0
        while True:
            await self._died.wait()
            async with self._changing:
                self._died.clear()
                if self._lives is not None and self._lives.serving.alive:
                    continue  # it was being replaced
                deaths = deaths + 1 if loop.time() - last_s < CALM_S else 0
                last_s = loop.time()
                pause_s = PAUSES_S[min(deaths, len(PAUSES_S) - 1)]
                log.error("HAProxy has died: starting another in %.1f s", pause_s)
                await asyncio.sleep(pause_s)
                try:
                    await self._start(self.table)
                except EdgeError as error:
                    log.error("HAProxy does not start: %s", error)
                    self._died.set()

    async def _watch(self, life: Life) -> None:
        await self._launcher.ended(life)
        if self._lives is not None and self._lives.serving is life:
            self._died.set()

    async def delete_idle(self) -> None:
        """Delete the servers that were taken out of the table and have no request any more."""
        async with self._changing:
            assert self._lives is not None
            admin = self._launcher.admin(self._lives.serving.boot)
            for server in sorted(self._leaving):
                try:
                    if await admin.requests_on(server) == 0:
                        await admin.do(f"set server {server} state maint")
                        await admin.do(f"del server {server}")
                        self._leaving.discard(server)
                except (CommandRefused, AdminSocketAway) as error:
                    log.debug("%s stays for now: %s", server, error)

    async def close(self) -> None:
        """Stop HAProxy: requests get a moment to finish; then forward the lines it has left."""
        async with self._changing:
            if self._listeners is not None:
                self._listeners.close()
            if self._lives is not None:
                lives = [self._lives.serving, *self._lives.finishing]
                await asyncio.gather(*(self._launcher.stop(life, STOP_GRACE_S) for life in lives))
        self._bury_the_dead()
        await asyncio.gather(*self._burials.values(), return_exceptions=True)

    async def _command(self, commands: list[str], table: RoutingTable) -> None:
        assert self._lives is not None
        admin = self._launcher.admin(self._lives.serving.boot)
        try:
            for command in commands:
                await admin.do(command)
        except (CommandRefused, AdminSocketAway) as error:
            log.warning("reloading instead: %s", error)
            await self._reload(table)

    async def _reload(self, table: RoutingTable) -> None:
        """Start a new life with ``table``; the one before finishes and ends."""
        staged = self._settings.data_dir / "next"
        write_haproxy_files(staged, table)
        await self._launcher.check(staged)
        write_haproxy_files(self._settings.data_dir, table)
        try:
            await self._start(table)
        except EdgeError:
            write_haproxy_files(self._settings.data_dir, self.table)
            raise

    async def _start(self, table: RoutingTable) -> None:
        assert self._listeners is not None
        old = self._lives
        before = old.serving if old is not None else None
        life = await self._launcher.start(self._listeners, shape_of(table), template_digest(), before)
        finishing = [one for one in (*old.finishing, old.serving) if one.alive] if old is not None else []
        self._serve_with(Lives(life, finishing))
        log.info("HAProxy %s (pid %d) serves routing table %d", life.boot, life.pid, table.generation)
        self._bury_the_dead()

    def _serve_with(self, lives: Lives) -> None:
        self._lives = lives
        self._leaving.clear()
        replace_file(self._settings.process_file, msgspec.json.encode(lives))
        watcher = asyncio.create_task(self._watch(lives.serving))
        self._watchers.add(watcher)
        watcher.add_done_callback(self._watchers.discard)

    def _bury_the_dead(self) -> None:
        """See to every life that has left a ring and does not serve: wait for its end, forward its lines, remove it."""
        finishing = {life.boot: life for life in self._lives.finishing} if self._lives is not None else {}
        serving = self._lives.serving if self._lives is not None else None
        for ring in self._settings.rings.glob("*.ring"):
            boot = ring.stem
            if boot not in self._burials and not (serving is not None and serving.boot == boot and serving.alive):
                task = asyncio.create_task(self._bury(boot, finishing.get(boot)))
                self._burials[boot] = task

    async def _bury(self, boot: str, life: Life | None) -> None:
        if life is not None:
            await self._launcher.ended(life)
        await self._salvage.recover(boot)
        self._launcher.clear(boot)
        del self._burials[boot]

    def _read_lives(self) -> Lives | None:
        try:
            return msgspec.json.decode(self._settings.process_file.read_bytes(), type=Lives)
        except (FileNotFoundError, msgspec.MsgspecError):
            return None
