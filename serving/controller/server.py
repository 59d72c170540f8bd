"""Wiring of the controller process."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
from starlette.applications import Starlette

from registry.client import Client
from serving.cluster.client import RayCluster
from serving.cluster.schema import Surroundings
from serving.controller.app import create_app
from serving.controller.board import Board
from serving.controller.reconcile import Reconciler
from serving.controller.registry import RegistryLink
from serving.node.running.launch import LOGS
from serving.node.running.service import announce, bind, run, url_of

log = logging.getLogger("slipway.controller")


class ControllerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """``state_dir`` is the node's folder for supervisors; the controller's own files lie in ``data_dir``."""

    host: str
    port: int
    registry_url: str
    ray_address: str
    data_dir: Path
    state_dir: Path
    secret_file: Path


def serve(settings: ControllerSettings) -> None:
    """Run until SIGTERM or SIGINT.

    Raises:
        SystemExit: code 2 and one line on stderr when the port cannot be bound.
    """
    listener = bind("controller", settings.host, settings.port)
    run("controller", build_app(settings, url_of(listener)), listener)


def build_app(settings: ControllerSettings, url: str) -> Starlette:
    """Construct everything the controller consists of."""
    cluster = RayCluster(settings.ray_address)
    link = RegistryLink(Client(settings.registry_url), settings.data_dir / "desired.json")
    board = Board(settings.data_dir / "routing.json")
    surroundings = Surroundings(
        registry_url=settings.registry_url,
        controller_url=url,
        state_dir=str(settings.state_dir),
        secret_file=str(settings.secret_file),
    )
    reconciler = Reconciler(cluster, link, board, surroundings, time.monotonic)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        tasks = [
            asyncio.create_task(link.follow(reconciler.want)),
            asyncio.create_task(reconciler.run()),
            asyncio.create_task(reconciler.run_cluster()),
            asyncio.create_task(announce(settings.registry_url, "controller", {"url": url})),
        ]
        for task in tasks:
            task.add_done_callback(_die_with)
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await cluster.close()

    return create_app(reconciler, board, settings.state_dir / LOGS, time.monotonic, lifespan)


def _die_with(task: "asyncio.Task[None]") -> None:
    """End the process when one of its loops ends by an error: half a controller helps nobody, a restart may."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.critical("a loop of the controller ended", exc_info=error)
        raise SystemExit(1)
