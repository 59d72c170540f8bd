"""Wiring of the telemetry process: folder, door, compactor, announcement. The only place here that makes things."""

import asyncio
import contextlib
import logging
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NoReturn

import httpx
import uvicorn
from starlette.applications import Starlette

from serving.telemetry.app import build_app
from serving.telemetry.compact import compact
from serving.telemetry.ingest import GroupCommit, WriteAhead
from serving.telemetry.layout import FolderInUse, Layout
from serving.telemetry.query import RequestsTable

COMPACT_EVERY_S = 5.0
ANNOUNCE_RETRY_S = 1.0

log = logging.getLogger("slipway.telemetry")


def serve(host: str, port: int, data_dir: Path, registry_url: str | None) -> None:
    """Run until SIGTERM or SIGINT. Port 0 takes a free one; ``registry_url`` None announces nothing.

    Raises:
        SystemExit: code 2 and one line on stderr: the port is taken, or another process writes to ``data_dir``.
    """
    try:
        listener = _bind(host, port)
        layout = Layout(data_dir)
        layout.lock()  # held until the process ends
    except OSError as error:
        _refuse(f"cannot listen on {host}:{port}: {error.strerror}; choose another port with --port")
    except FolderInUse as error:
        _refuse(str(error))
    url = f"http://{_reachable(host)}:{listener.getsockname()[1]}"
    write_ahead = WriteAhead(layout)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        beside = [asyncio.create_task(_compact_for_ever(layout, write_ahead))]
        if registry_url:
            beside.append(asyncio.create_task(announce(registry_url, url)))
        yield
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)

    app = build_app(GroupCommit(write_ahead.append), RequestsTable(layout), lifespan)
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, timeout_graceful_shutdown=1, timeout_keep_alive=75, ws="none"
    )
    print(f"telemetry listens on {url}", flush=True)  # noqa: T201 - the process' one line of welcome
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))  # uvicorn raises it once more when it has finished
    uvicorn.Server(config).run(sockets=[listener])


async def announce(registry_url: str, url: str, retry_s: float = ANNOUNCE_RETRY_S) -> None:
    """Tell the registry where telemetry is; try until it has heard."""
    async with httpx.AsyncClient(base_url=registry_url, timeout=5.0) as client:
        while True:
            try:
                answer = await client.put("/api/v1/services/telemetry", json={"url": url})
                answer.raise_for_status()
            except httpx.HTTPError as error:
                log.debug("the registry does not answer yet: %s", error)
                await asyncio.sleep(retry_s)
            else:
                return


async def _compact_for_ever(layout: Layout, write_ahead: WriteAhead) -> None:
    while True:
        for number in await asyncio.to_thread(write_ahead.sealed):
            try:
                rows = await asyncio.to_thread(compact, layout, number)
            except Exception:
                log.exception("segment %d stays as it is; compacting it failed", number)
            else:
                log.info("segment %d: %d rows to Parquet", number, rows)
        await asyncio.sleep(COMPACT_EVERY_S)


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(1024)
    except OSError:
        listener.close()
        raise
    return listener


def _reachable(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)


def _refuse(message: str) -> NoReturn:
    print(f"telemetry: {message}", file=sys.stderr)  # noqa: T201 - one line for a person
    raise SystemExit(2)
