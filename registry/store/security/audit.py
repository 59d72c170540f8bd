"""Rows of the audit: added and, when they are old, deleted; never changed."""

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

from registry.core.security.audit import REFUSED, AuditEntry
from registry.store.metadata import Connection
from registry.store.schema import audit


def add(tx: Connection, entries: Sequence[AuditEntry]) -> None:
    tx.execute(sa.insert(audit), [msgspec.structs.asdict(entry) for entry in entries])


def newest(tx: Connection, since_ms: int, who: str | None, limit: int) -> list[AuditEntry]:
    """Return the newest entries, newest first; ``who`` None is everybody."""
    query = sa.select(audit).where(audit.c.at_ms >= since_ms).order_by(audit.c.at_ms.desc(), audit.c.id.desc())
    if who is not None:
        query = query.where(audit.c.who == who)
    return [
        AuditEntry(
            at_ms=row.at_ms,
            who=row.who,
            address=row.address,
            method=row.method,
            path=row.path,
            status=row.status,
            request_id=row.request_id,
        )
        for row in tx.execute(query.limit(limit))
    ]


def prune(tx: Connection, before_ms: int, most_knocks: int) -> None:
    """Delete what is older, and of the refusals of callers without a name all but the newest ``most_knocks``."""
    tx.execute(sa.delete(audit).where(audit.c.at_ms < before_ms))
    is_knock = (audit.c.who == "") & audit.c.status.in_(REFUSED)
    newest_ids = sa.select(audit.c.id).where(is_knock).order_by(audit.c.id.desc())
    last = tx.scalar(newest_ids.offset(most_knocks).limit(1))
    if last is not None:
        tx.execute(sa.delete(audit).where(is_knock & (audit.c.id <= last)))
