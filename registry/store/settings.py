"""The workspace's own settings: a text by name."""

import sqlalchemy as sa

from registry.store.metadata import Connection
from registry.store.schema import settings

SIGNATURE_POLICY = "signature-policy"


def read(tx: Connection, name: str) -> str | None:
    return tx.scalar(sa.select(settings.c.value).where(settings.c.name == name))


def write(tx: Connection, name: str, value: str) -> None:
    tx.execute(sa.delete(settings).where(settings.c.name == name))
    tx.execute(sa.insert(settings).values(name=name, value=value))
