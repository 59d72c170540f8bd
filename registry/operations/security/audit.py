"""The audit: written behind the answers, read by owners, and never without bound."""

import asyncio
import logging
from functools import partial

from registry.core.security.audit import KEPT_DAYS, KEPT_REFUSALS, AuditEntry
from registry.core.times import DAY_MS
from registry.operations.workspace import Workspace
from registry.store.security import audit as rows

LINGER_S = 0.05  # rows that come together are written together; a kill loses no more than this
MOST_AT_ONCE = 500
MOST_WAITING = 10_000
PRUNE_EVERY = 10_000

log = logging.getLogger("slipway.registry.audit")


class AuditLog:
    """Takes entries without making anybody wait. Belongs to one event loop."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._waiting: list[AuditEntry] = []
        self._writer: asyncio.Task[None] | None = None
        self._lost = 0
        self._written = 0

    def note(self, entry: AuditEntry) -> None:
        """Have an entry written soon. Under a flood that the store cannot follow, entries are counted and dropped."""
        room = MOST_WAITING // 2 if entry.is_knock else MOST_WAITING
        if len(self._waiting) >= room:
            self._lost += 1
            return
        self._waiting.append(entry)
        if self._writer is None or self._writer.done():
            self._writer = asyncio.get_running_loop().create_task(self._write())

    async def close(self) -> None:
        """Return when everything is written."""
        if self._writer is not None:
            await self._writer

    async def _write(self) -> None:
        await asyncio.sleep(LINGER_S)
        while self._waiting:
            batch, self._waiting = self._waiting[:MOST_AT_ONCE], self._waiting[MOST_AT_ONCE:]
            try:
                await self._workspace.metadata.write_soon(partial(rows.add, entries=batch))
                await self._prune(len(batch))
            except Exception:
                log.exception("%d rows of the audit could not be written", len(batch))
        if self._lost:
            log.error("%d rows of the audit were dropped: they came faster than the store takes them", self._lost)
            self._lost = 0

    async def _prune(self, added: int) -> None:
        self._written += added
        if self._written >= PRUNE_EVERY:
            self._written = 0
            await self._workspace.metadata.write_soon(
                partial(rows.prune, before_ms=_oldest(self._workspace), most_knocks=KEPT_REFUSALS)
            )


def note_at_once(workspace: Workspace, entry: AuditEntry) -> None:
    """Write an entry now; for what is done at the registry's own machine."""
    with workspace.metadata.write() as tx:
        rows.add(tx, [entry])


def list_entries(workspace: Workspace, since_ms: int, who: str | None, limit: int) -> list[AuditEntry]:
    """Return the newest entries, newest first; ``who`` None is everybody."""
    with workspace.metadata.read() as tx:
        return rows.newest(tx, since_ms, who, limit)


def prune_audit(workspace: Workspace) -> None:
    """Delete what is older than ``KEPT_DAYS`` days, and all but the newest refusals of callers without a name."""
    with workspace.metadata.write() as tx:
        rows.prune(tx, _oldest(workspace), KEPT_REFUSALS)


def _oldest(workspace: Workspace) -> int:
    return workspace.now_ms() - KEPT_DAYS * DAY_MS
