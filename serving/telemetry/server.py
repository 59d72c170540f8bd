"""Wiring of the telemetry process: folder, door, compactor, announcement. The only place here that makes things."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.applications import Starlette

from serving.node.running.service import announce, bind, refuse, run, url_of
from serving.telemetry.app import Kept, build_app
from serving.telemetry.compact import compact
from serving.telemetry.comparisons import parse_comparisons
from serving.telemetry.ingest import GroupCommit, WriteAhead
from serving.telemetry.layout import FolderInUse, Layout
from serving.telemetry.lines import Parse, parse_lines
from serving.telemetry.mirror_report import ComparisonsTable
from serving.telemetry.query import RequestsTable

COMPACT_EVERY_S = 5.0

log = logging.getLogger("slipway.telemetry")


def serve(host: str, port: int, data_dir: Path, registry_url: str | None) -> None:
    """Run until SIGTERM or SIGINT. Port 0 takes a free one; ``registry_url`` None announces nothing.

    Raises:
        SystemExit: code 2 and one line on stderr: the port is taken, or another process writes to ``data_dir``.
    """
    listener = bind("telemetry", host, port)
    try:
        layout = Layout(data_dir)
        layout.lock()  # held until the process ends
    except FolderInUse as error:
        refuse("telemetry", str(error))
    url = url_of(listener)
    of_requests = WriteAhead(layout)
    mirrors = Layout(data_dir / "mirrors", "comparisons")
    of_comparisons = WriteAhead(mirrors)
    requests = Kept(GroupCommit(of_requests.append), RequestsTable(layout))
    comparisons = Kept(GroupCommit(of_comparisons.append), ComparisonsTable(mirrors))

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        beside = [
            asyncio.create_task(_compact_for_ever(layout, of_requests, parse_lines)),
            asyncio.create_task(_compact_for_ever(mirrors, of_comparisons, parse_comparisons)),
        ]
        if registry_url:
            beside.append(asyncio.create_task(announce(registry_url, "telemetry", {"url": url})))
        yield
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)

    run("telemetry", build_app(requests, comparisons, lifespan), listener)


async def _compact_for_ever(layout: Layout, write_ahead: WriteAhead, parse: Parse) -> None:
    while True:
        for number in await asyncio.to_thread(write_ahead.sealed):
            try:
                rows = await asyncio.to_thread(compact, layout, number, parse)
            except Exception:
                log.exception("segment %d stays as it is; compacting it failed", number)
            else:
                log.info("segment %d: %d rows to Parquet", number, rows)
        await asyncio.sleep(COMPACT_EVERY_S)
