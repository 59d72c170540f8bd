"""The agent's side of the mirror process: started when something is mirrored, again when it dies, ended with either."""

import asyncio
import contextlib
import logging
import signal
import sys

from serving.edge.settings import EdgeSettings
from serving.wire.routing import RoutingTable

READY_WITHIN_S = 3.0
AGAIN_S = 1.0
GRACE_S = 8.0  # over what the process takes to drain

log = logging.getLogger("slipway.edge")


class MirrorKeeper:
    """Its death costs nobody an answer: scoring processes drop and count what they cannot hand over."""

    def __init__(self, settings: EdgeSettings) -> None:
        self._settings = settings
        self._wanted = False
        self._changed = asyncio.Event()

    async def want(self, table: RoutingTable) -> None:
        """Note whether a table mirrors anything; if it is the first that does, return once copies are taken."""
        wanted = any(endpoint.mirrors for endpoint in table.endpoints)
        begins = wanted and not self._wanted
        self._wanted = wanted
        self._changed.set()
        if begins:
            with contextlib.suppress(TimeoutError):  # routes do not wait for long
                async with asyncio.timeout(READY_WITHIN_S):
                    while not await self._listens():  # noqa: ASYNC110 - another process' socket
                        await asyncio.sleep(0.02)

    async def run(self) -> None:
        """Keep the process as it is wanted, for ever."""
        while True:
            await self._until(wanted=True)
            process = await self._start()
            ended, unwanted = asyncio.create_task(process.wait()), asyncio.create_task(self._until(wanted=False))
            try:
                await asyncio.wait({ended, unwanted}, return_when=asyncio.FIRST_COMPLETED)
                if ended.done():
                    log.error("the mirror process has ended with %d: another is started", ended.result())
                    await asyncio.sleep(AGAIN_S)
            finally:
                unwanted.cancel()
                await _end(process, ended)

    async def _start(self) -> asyncio.subprocess.Process:
        settings = self._settings
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "serving.edge.mirroring", "--socket", str(settings.mirror_socket)),
            *("--copies", str(settings.copies_socket), "--copies-grpc", str(settings.copies_grpc_socket)),
            *("--telemetry", settings.telemetry_url),
            stdin=asyncio.subprocess.PIPE,  # closed when the agent ends, however it ends
        )

    async def _until(self, *, wanted: bool) -> None:
        while self._wanted is not wanted:
            self._changed.clear()
            await self._changed.wait()

    async def _listens(self) -> bool:
        try:
            _, writer = await asyncio.open_unix_connection(str(self._settings.mirror_socket))
        except OSError:
            return False
        writer.close()
        return True


async def _end(process: asyncio.subprocess.Process, ended: "asyncio.Task[int]") -> None:
    if process.returncode is None:
        process.send_signal(signal.SIGTERM)
        await asyncio.wait({ended}, timeout=GRACE_S)
    if process.returncode is None:
        process.kill()
        await asyncio.wait({ended})
