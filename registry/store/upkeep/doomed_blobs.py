"""Blobs that a purge is deleting, marked while it does so outside of any transaction."""

from collections.abc import Iterable

import sqlalchemy as sa

from registry.store import counters
from registry.store.metadata import Connection
from registry.store.schema import doomed_blobs
from registry.store.upsert import insert_or_replace

HELD_MS = 10 * 60_000  # a mark that is older was left by a purge that was killed


def count(tx: Connection) -> int:
    """Return a number that grows whenever marks are set or taken away."""
    return counters.read(tx, counters.BLOB_DELETIONS)


def mark(tx: Connection, digests: Iterable[str], now_ms: int) -> None:
    insert_or_replace(tx, doomed_blobs, [{"digest": digest, "at_ms": now_ms} for digest in digests])
    counters.increment(tx, counters.BLOB_DELETIONS)


def unmark(tx: Connection, digests: Iterable[str]) -> None:
    tx.execute(sa.delete(doomed_blobs).where(doomed_blobs.c.digest.in_(list(digests))))
    counters.increment(tx, counters.BLOB_DELETIONS)


def marked(tx: Connection, now_ms: int) -> set[str]:
    """Return the digests that are marked now: none, or those of the batches that purges are at."""
    return set(tx.scalars(sa.select(doomed_blobs.c.digest).where(doomed_blobs.c.at_ms > now_ms - HELD_MS)))
