"""Wiring of the edge agent: HAProxy up, the routing table followed, the lines forwarded."""

import asyncio
import logging
import signal
import socket
import sys
from pathlib import Path

import httpx
import msgspec

from serving.edge.applier import Applier
from serving.edge.errors import EdgeError
from serving.edge.haproxy import Haproxy, HaproxyProcess
from serving.edge.log_receiver import LogReceiver
from serving.edge.ring import recover_lines
from serving.edge.runtime import Runtime
from serving.edge.settings import EdgeSettings
from serving.node.service import announce
from serving.wire.routing import RoutingTable

log = logging.getLogger("slipway.edge")

POLL_S = 20.0
RETRY_S = 0.5
DELETE_IDLE_S = 1.0
FLUSH_S = 2.0


def run_agent(settings: EdgeSettings) -> int:
    """Run until SIGTERM or SIGINT, which also ends HAProxy. Return the exit code."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.INFO)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        asyncio.run(Agent(settings).run())
    except EdgeError as error:
        print(f"edge: {error}", file=sys.stderr)  # noqa: T201 - one line for a person
        return 2
    return 0


class Agent:
    """One life of the agent. HAProxy outlives it unless it is told to stop."""

    def __init__(self, settings: EdgeSettings) -> None:
        self._settings = settings
        for folder in (settings.data_dir, settings.ring_dir, settings.runtime_dir):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._runtime = Runtime(settings.admin_socket)
        self._haproxy = Haproxy(settings, self._runtime)
        self._receiver = LogReceiver(settings.telemetry_url)
        self._finishing: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Serve until told to stop.

        Raises:
            EdgeError: HAProxy can't be started at all.
        """
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        applier = Applier(self._settings, self._haproxy, self._runtime, await self._receiver.listen())
        await self._take_over(applier)
        edge = {"url": f"http://{self._settings.host}:{self._settings.http_port}"}
        edge["grpc"] = f"{self._settings.host}:{self._settings.grpc_port}"
        tasks: list[asyncio.Task[None]] = [
            asyncio.create_task(self._follow(applier)),
            asyncio.create_task(self._keep_alive(applier)),
            asyncio.create_task(self._delete_idle(applier)),
            asyncio.create_task(self._receiver.forward()),
            asyncio.create_task(announce(self._settings.registry_url, "edge", edge)),
        ]
        stopped = asyncio.create_task(stop.wait())
        done, _ = await asyncio.wait({*tasks, stopped}, return_when=asyncio.FIRST_COMPLETED)
        tasks[1].cancel()  # HAProxy is to stay down now
        self._haproxy.stop()
        await self._receiver.flush(FLUSH_S)
        for task in [*tasks, *self._finishing]:
            task.cancel()
        await asyncio.gather(*tasks, *self._finishing, return_exceptions=True)
        await self._receiver.close()
        for task in tasks:
            if task in done:
                task.result()

    async def _take_over(self, applier: Applier) -> None:
        """Replace the HAProxy of an earlier agent, whose lines go to that one's port; or start the first."""
        earlier = self._haproxy.adopt()
        await applier.start()
        assert self._haproxy.process is not None
        kept = {self._haproxy.process.boot, earlier.boot if earlier else ""}
        for ring_file in self._settings.ring_dir.iterdir():
            if ring_file.name not in kept:
                ring_file.unlink()
        if earlier is not None:
            self._recover_at_end(earlier)

    async def _keep_alive(self, applier: Applier) -> None:
        """Start HAProxy again whenever it dies, for ever."""
        while True:
            serving = self._haproxy.process
            assert serving is not None
            ended = asyncio.create_task(self._haproxy.ended(serving))
            replaced = asyncio.create_task(self._haproxy.replaced.wait())
            await asyncio.wait({ended, replaced}, return_when=asyncio.FIRST_COMPLETED)
            replaced.cancel()
            self._recover_at_end(serving)
            if not ended.done():
                ended.cancel()
                continue
            try:
                if await applier.revive(serving):
                    log.warning("HAProxy %s had died: another serves", serving.boot)
            except EdgeError as error:
                log.error("HAProxy has died and does not start: %s", error)
                await asyncio.sleep(RETRY_S)

    def _recover_at_end(self, process: HaproxyProcess) -> None:
        """Forward what a HAProxy leaves in its ring file when it has ended; one that finishes may take minutes."""
        task = asyncio.create_task(self._recover(process))
        self._finishing.add(task)
        task.add_done_callback(self._finishing.discard)

    async def _recover(self, process: HaproxyProcess) -> None:
        await self._haproxy.ended(process)
        ring_file = Path(process.ring_file)
        self._receiver.hold(await asyncio.to_thread(recover_lines, ring_file, process.boot))
        await asyncio.to_thread(ring_file.unlink, missing_ok=True)

    async def _follow(self, applier: Applier) -> None:
        name = f"{socket.gethostname()}-{self._settings.http_port}"
        async with httpx.AsyncClient(timeout=POLL_S + 10, trust_env=False) as http:
            while True:
                question: dict[str, str | float] = {"after": applier.table.generation, "agent": name, "wait_s": POLL_S}
                try:
                    answer = await http.get(f"{self._settings.controller_url}/v1/routing", params=question)
                    answer.raise_for_status()
                    await applier.apply(msgspec.json.decode(answer.content, type=RoutingTable))
                except (httpx.HTTPError, msgspec.MsgspecError) as error:
                    log.debug("the controller does not answer: %r", error)
                    await asyncio.sleep(RETRY_S)
                except EdgeError as error:
                    log.error("routing table refused, the one before goes on: %s", error)
                    await asyncio.sleep(RETRY_S)

    async def _delete_idle(self, applier: Applier) -> None:
        while True:
            await asyncio.sleep(DELETE_IDLE_S)
            await applier.delete_idle()
