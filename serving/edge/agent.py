"""Wiring of the edge agent: HAProxy up, the routing table followed, the lines forwarded."""

import asyncio
import contextlib
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
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for task in tasks:
            if task in done:
                task.result()

    async def _take_over(self, applier: Applier) -> None:
        """Adopt the HAProxy that runs, replacing it since its ring sends lines to the agent before; or start one."""
        earlier = self._haproxy.adopt()
        await applier.start()
        if earlier is not None:
            self._recover(earlier)

    async def _keep_alive(self, applier: Applier) -> None:
        while True:
            dead = self._haproxy.process
            await self._haproxy.ended()
            if dead is not self._haproxy.process:
                continue  # it was replaced, and has finished
            log.warning("HAProxy has died: starting another")
            self._haproxy.process = None
            while self._haproxy.process is None:
                try:
                    await applier.start()
                except EdgeError as error:
                    log.error("HAProxy does not start: %s", error)
                    await asyncio.sleep(RETRY_S)
            assert dead is not None
            self._recover(dead)

    def _recover(self, dead: HaproxyProcess) -> None:
        ring_file = Path(dead.ring_file)
        self._receiver.hold(recover_lines(ring_file, dead.boot))
        for old in self._settings.ring_dir.iterdir():
            if self._haproxy.process is not None and old.name != self._haproxy.process.boot:
                with contextlib.suppress(FileNotFoundError):
                    old.unlink()

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
