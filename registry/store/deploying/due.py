"""Whether the time of anything is over: asked every second, so it reads indexes alone."""

import sqlalchemy as sa

from registry.store.metadata import Connection
from registry.store.schema import deployments, endpoints, revisions

_DEADLINES = (endpoints.c.expires_ms, deployments.c.expires_ms, revisions.c.warm_until_ms)


def is_anything_due(tx: Connection, now_ms: int) -> bool:
    """Say whether an endpoint or deployment has expired, or a revision has been warm for long enough."""
    over = (sa.exists(sa.select(sa.literal(1)).where(deadline <= now_ms)) for deadline in _DEADLINES)
    return bool(tx.scalar(sa.select(sa.or_(*over))))
