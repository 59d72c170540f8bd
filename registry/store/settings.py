"""The workspace's own settings: a text by name."""

import sqlalchemy as sa

from registry.store.metadata import Connection
from registry.store.schema import settings

SIGNATURE_POLICY = "signature-policy"
TOKEN_KEY = "token-key"  # noqa: S105 - the public half of what signs endpoints' tokens
IMAGES_TO_SIGN = "images-to-sign"  # written by migration 0011 alone, if there were images before it


def read(tx: Connection, name: str) -> str | None:
    return tx.scalar(sa.select(settings.c.value).where(settings.c.name == name))


def write(tx: Connection, name: str, value: str) -> None:
    delete(tx, name)
    tx.execute(sa.insert(settings).values(name=name, value=value))


def delete(tx: Connection, name: str) -> None:
    tx.execute(sa.delete(settings).where(settings.c.name == name))
