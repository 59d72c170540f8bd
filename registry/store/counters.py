"""Numbers that only grow, and never run backwards even when what they counted is deleted."""

import sqlalchemy as sa

from registry.store.metadata import Connection
from registry.store.schema import counters

DESIRED_STATE = "desired-state"


def increment(tx: Connection, name: str) -> int:
    """Add one and return the new value; the first is 1."""
    value = read(tx, name) + 1
    if value == 1:
        tx.execute(sa.insert(counters).values(name=name, value=value))
    else:
        tx.execute(sa.update(counters).where(counters.c.name == name).values(value=value))
    return value


def read(tx: Connection, name: str) -> int:
    """Return the value; 0 for a counter that never counted."""
    return tx.scalar(sa.select(counters.c.value).where(counters.c.name == name)) or 0
