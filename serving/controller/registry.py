"""The link to the registry: desired state in, verdicts and progress out. The last desired state is kept on disk."""

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from registry.client import Client
from registry.core.deploying.desired import DesiredState
from registry.core.deploying.endpoints import RevisionState
from registry.core.errors import Conflict, NotFound, SlipwayError

log = logging.getLogger("slipway.controller")

POLL_S = 20.0
RETRY_S = 1.0


class RegistryLink:
    """Follow the registry; when it is away, keep what was wanted last."""

    def __init__(self, client: Client, path: Path) -> None:
        self._client = client
        self._path = path
        self.reachable = False

    def remembered(self) -> DesiredState | None:
        """Return the desired state of an earlier life, if there is one that can be read."""
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=DesiredState)
        except (FileNotFoundError, msgspec.MsgspecError):
            return None

    async def follow(self, use: Callable[[DesiredState], Awaitable[None]]) -> None:
        """Call ``use`` with each new desired state, for ever."""
        queue: asyncio.Queue[DesiredState] = asyncio.Queue()
        loop = asyncio.get_running_loop()

        def hand_over(desired: DesiredState) -> None:
            loop.call_soon_threadsafe(queue.put_nowait, desired)

        # A daemon of its own, not the loop's executor: a poll under way must not hold up the end of the process.
        threading.Thread(target=self._poll, args=(hand_over,), name="desired-state", daemon=True).start()
        while True:
            desired = await queue.get()
            await asyncio.to_thread(self._store, desired)
            await use(desired)

    def _poll(self, hand_over: Callable[[DesiredState], None]) -> None:
        version = -1
        while True:
            try:
                desired = self._client.desired_state(after=version, wait_s=POLL_S)
            except SlipwayError as error:
                if self.reachable or version < 0:
                    log.warning("registry: %s", error)
                self.reachable = False
                time.sleep(RETRY_S)
                continue
            self.reachable = True
            if desired.version != version:
                version = desired.version
                hand_over(desired)

    async def report_progress(self, activity_id: str, progress: float, message: str) -> None:
        """Move a deployment's activity on; one that has ended meanwhile is left alone."""
        try:
            await asyncio.to_thread(self._client.activities.report_progress, activity_id, progress, message)
        except (Conflict, NotFound):
            return

    async def report_state(
        self, endpoint: str, deployment: str, revision: int, state: RevisionState, message: str
    ) -> None:
        """Tell that a revision is live or has failed; one that is no longer wanted is left alone."""
        try:
            await asyncio.to_thread(
                self._client.deployments.report_state, endpoint, deployment, revision, state, message
            )
        except (Conflict, NotFound) as error:
            log.info("%s/%s revision %d: %s", endpoint, deployment, revision, error)

    def _store(self, desired: DesiredState) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        partial = self._path.with_suffix(".partial")
        partial.write_bytes(msgspec.json.encode(desired))
        partial.replace(self._path)
