"""Referring to a blob while a purge may be deleting it.

A purge marks what nothing refers to, deletes it outside of any transaction, so that nobody waits for a slow store, and
takes the marks away. Who refers to blobs begins before he stores or sees them, and calls ``check`` in the transaction
in which he refers to them: a marked blob is refused, and if marks were set or taken away in between, each blob is
looked for again.
"""

from collections.abc import Iterable, Iterator

from registry.core.errors import Unavailable
from registry.operations.workspace import Workspace
from registry.store.blobs import BlobEntry
from registry.store.metadata import Connection
from registry.store.upkeep import doomed_blobs
from registry.store.upkeep.references import referenced

BATCH = 500  # blobs that are looked up, and marked, at once


def begin(workspace: Workspace) -> int:
    """Return what ``check`` must be told of the time before the blobs were stored or seen."""
    with workspace.metadata.read() as tx:
        return so_far(tx)


def so_far(tx: Connection) -> int:
    """As ``begin``, inside the caller's transaction."""
    return doomed_blobs.count(tx)


def check(workspace: Workspace, tx: Connection, digests: Iterable[str], since: int) -> None:
    """Raise Unavailable if a purge is deleting a blob, or has done so since: sent again, it stays."""
    marked, quiet = doomed_blobs.marked(tx, workspace.now_ms()), so_far(tx) == since
    for digest in digests:
        if digest in marked or not (quiet or workspace.blobs.exists(digest)):
            raise Unavailable(f"{digest} was just deleted by a purge, since nothing referred to it: send it again")


def remove_unreferenced(workspace: Workspace, entries: Iterable[BlobEntry]) -> Iterator[BlobEntry]:
    """Delete those blobs for good that nothing refers to, and give each that went. Others write meanwhile."""
    blobs = {entry.digest: entry for entry in entries if entry.digest is not None}
    digests = sorted(blobs)
    for start in range(0, len(digests), BATCH):
        for digest in _removed(workspace, {digest: blobs[digest] for digest in digests[start : start + BATCH]}):
            yield blobs[digest]


def _removed(workspace: Workspace, blobs: dict[str, BlobEntry]) -> Iterator[str]:
    with workspace.metadata.read() as tx:
        loose = blobs.keys() - referenced(tx, blobs)
    if not loose:
        return
    with workspace.metadata.write() as tx:
        loose -= referenced(tx, loose)
        marked_ms = workspace.now_ms()
        doomed_blobs.mark(tx, loose, marked_ms)
    try:
        for digest in sorted(loose):
            if workspace.now_ms() - marked_ms > doomed_blobs.HELD_MS // 2:  # the store is slow; the next time goes on
                break
            workspace.blobs.remove(blobs[digest])
            yield digest
    finally:
        with workspace.metadata.write() as tx:
            doomed_blobs.unmark(tx, loose)
