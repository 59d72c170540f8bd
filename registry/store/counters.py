"""Numbers that only grow, and never run backwards even when what they counted is deleted."""

import hashlib

import sqlalchemy as sa

from registry.store.metadata import Connection
from registry.store.schema import counters

DESIRED_STATE = "desired-state"
BLOB_DELETIONS = "blob-deletions"


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


def raise_to(tx: Connection, name: str, value: int) -> None:
    """Make the counter at least ``value``."""
    before = read(tx, name)
    if before == 0:
        tx.execute(sa.insert(counters).values(name=name, value=value))
    elif before < value:
        tx.execute(sa.update(counters).where(counters.c.name == name).values(value=value))


def forget_all_but_the_data_planes(tx: Connection) -> None:
    """Let everything count from the beginning but what edges, nodes, telemetry and uploads under way remember."""
    c = counters.c.name
    remembered = c.in_([DESIRED_STATE, BLOB_DELETIONS]) | c.startswith("revision:", autoescape=True)
    tx.execute(sa.delete(counters).where(~remembered))


def model_versions_of(name: str) -> str:
    """Return the counter of the numbers that a model's purged versions had. A name may be longer than a counter's."""
    return f"model-versions/{hashlib.sha256(name.encode()).hexdigest()[:32]}"


def dataset_versions_of(name: str) -> str:
    """Return the counter of a dataset's versions."""
    return f"dataset-versions/{hashlib.sha256(name.encode()).hexdigest()[:32]}"


def image_numbers_of(name: str) -> str:
    """Return the counter of the numbers that an image name's pruned images had."""
    return f"image-numbers/{hashlib.sha256(name.encode()).hexdigest()[:32]}"
