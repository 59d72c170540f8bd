"""Wiring of the edge agent, and its loops: follow the controller, keep HAProxy alive, forward its lines."""

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import Sequence
from typing import Any

import httpx
import msgspec
import uvloop

from serving.edge.errors import EdgeError
from serving.edge.grpc_calls import GrpcCalls
from serving.edge.haproxy import Launcher
from serving.edge.keeper import Keeper
from serving.edge.log_receiver import LogReceiver
from serving.edge.mirroring.keeper import MirrorKeeper
from serving.edge.outbox import Outbox
from serving.edge.salvage import Salvage
from serving.edge.settings import EdgeSettings, prepare_folders, read_secret
from serving.node.running.service import announce
from serving.wire.routing import SCHEMA, RoutingTable

__all__ = ["EdgeSettings", "run_agent"]

log = logging.getLogger("slipway.edge")

POLL_S = 25.0
RETRY_S = 0.5
DELETE_IDLE_S = 1.0
FLUSH_S = 1.5


def run_agent(settings: EdgeSettings) -> int:
    """Run until SIGTERM or SIGINT, which also end HAProxy; return the exit code. Killed, the agent leaves HAProxy."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.INFO)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        prepare_folders(settings)
        agent = Agent(settings, read_secret(settings))
        uvloop.run(agent.run())
    except EdgeError as error:
        print(f"edge: {error.message}", file=sys.stderr)  # noqa: T201 - one line for a person
        return 2
    return 0


class Agent:
    """One life of the agent."""

    def __init__(self, settings: EdgeSettings, secret: str) -> None:
        self._settings = settings
        self._launcher = Launcher(settings, secret)

    async def run(self) -> None:
        """Serve until told to stop.

        Raises:
            EdgeError: HAProxy cannot be started at all.
        """
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        outbox = Outbox(self._settings.telemetry_url)
        receiver = LogReceiver(self._settings.log_socket, outbox.put)
        addresses = {"url": f"http://{self._settings.http_address}", "grpc": self._settings.grpc_address}
        keeper = Keeper(self._settings, self._launcher, Salvage(self._launcher.ring, receiver, outbox))
        lines = [asyncio.create_task(receiver.run()), asyncio.create_task(outbox.run())]
        calls = GrpcCalls(self._settings.grpc_socket, self._settings.grpc_address, lambda: keeper.table)
        await calls.start()
        await keeper.open()
        mirror = MirrorKeeper(self._settings)
        mirroring = asyncio.create_task(mirror.run())
        await mirror.want(keeper.table)
        duties = [
            mirroring,
            asyncio.create_task(keeper.keep_alive()),
            asyncio.create_task(self._follow(keeper, mirror)),
            asyncio.create_task(_delete_idle(keeper)),
            asyncio.create_task(announce(self._settings.registry_url, "edge", addresses)),
        ]
        over = asyncio.create_task(stop.wait())
        await asyncio.wait([over, *lines, *duties], return_when=asyncio.FIRST_COMPLETED)
        failed = [task for task in (*lines, *duties) if task.done()]
        await _cancel(duties)
        if not failed:  # after a failure HAProxy goes on, for the next agent to adopt
            try:
                await asyncio.wait_for(keeper.close(), 2 * FLUSH_S + 2.0)
            except TimeoutError:
                log.warning("telemetry is away: what is in the ring files is forwarded by the next agent")
        await calls.stop()
        await _cancel([*lines, over])
        for task in failed:
            task.result()

    async def _follow(self, keeper: Keeper, mirror: MirrorKeeper) -> None:
        """Ask the controller for a newer table, for ever; asking acknowledges the one that is applied."""
        name = f"{socket.gethostname()}-{self._settings.http_port}"
        url = f"{self._settings.controller_url}/v1/routing"
        away = False
        async with httpx.AsyncClient(timeout=POLL_S + 10.0, trust_env=False) as client:
            while True:
                try:
                    asked: dict[str, str | float] = {"after": keeper.table.generation, "agent": name, "wait_s": POLL_S}
                    answer = await client.get(url, params=asked)
                    answer.raise_for_status()
                    table = msgspec.json.decode(answer.content, type=RoutingTable)
                    if table.schema != SCHEMA:
                        raise EdgeError(f"routing table of schema {table.schema}; this agent knows {SCHEMA}")
                    away = False
                    await mirror.want(table)
                    await keeper.apply(table)
                except (httpx.HTTPError, msgspec.MsgspecError) as error:
                    if not away:
                        log.warning("the controller does not answer, routes stay as they are: %r", error)
                    away = True
                    await asyncio.sleep(RETRY_S)
                except EdgeError as error:
                    log.error("routing table not applied: %s", error)
                    await asyncio.sleep(RETRY_S)


async def _delete_idle(keeper: Keeper) -> None:
    while True:
        await asyncio.sleep(DELETE_IDLE_S)
        await keeper.delete_idle()


async def _cancel(tasks: "Sequence[asyncio.Task[Any]]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
