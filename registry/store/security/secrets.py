"""Rows of secrets. What is in them is sealed."""

import sqlalchemy as sa

from registry.core.security.secrets import Secret
from registry.store.metadata import Connection
from registry.store.schema import secrets


def put(tx: Connection, name: str, sealed: bytes, now_ms: int, who: str) -> Secret:
    """Store a secret in place of the one of its name, whose time of creation stays."""
    before = tx.scalar(sa.select(secrets.c.created_ms).where(secrets.c.name == name))
    secret = Secret(name=name, created_ms=now_ms if before is None else before, updated_ms=now_ms, who=who)
    tx.execute(sa.delete(secrets).where(secrets.c.name == name))
    tx.execute(
        sa.insert(secrets).values(
            name=name, sealed=sealed, created_ms=secret.created_ms, updated_ms=secret.updated_ms, who=who
        )
    )
    return secret


def sealed_of(tx: Connection, name: str) -> bytes | None:
    """Return the sealed value."""
    return tx.scalar(sa.select(secrets.c.sealed).where(secrets.c.name == name))


def is_empty(tx: Connection) -> bool:
    return tx.scalar(sa.select(secrets.c.name).limit(1)) is None


def delete(tx: Connection, name: str) -> bool:
    """Delete a secret, and say whether there was one."""
    return tx.execute(sa.delete(secrets).where(secrets.c.name == name)).rowcount > 0


def all_secrets(tx: Connection) -> list[Secret]:
    """Return every secret by name, without what is in it."""
    query = sa.select(secrets.c.name, secrets.c.created_ms, secrets.c.updated_ms, secrets.c.who).order_by(
        secrets.c.name
    )
    return [
        Secret(name=row.name, created_ms=row.created_ms, updated_ms=row.updated_ms, who=row.who)
        for row in tx.execute(query)
    ]
