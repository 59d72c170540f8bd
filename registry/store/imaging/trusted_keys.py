"""Rows of the keys whose signatures count, and which of the workspace's own signs."""

from typing import Any

import sqlalchemy as sa

from registry.core.imaging.signatures import TrustedKey
from registry.store.metadata import Connection
from registry.store.schema import trusted_keys


def insert(tx: Connection, key: TrustedKey) -> None:
    """Store a key. One that signs takes that from the one before."""
    if key.signing:
        tx.execute(sa.update(trusted_keys).values(signing=False))
    tx.execute(
        sa.insert(trusted_keys).values(
            id=key.id,
            public_key=key.public_key,
            name=key.name,
            own=key.own,
            signing=key.signing,
            created_ms=key.created_ms,
            who=key.who,
        )
    )


def delete(tx: Connection, key_id: str) -> None:
    tx.execute(sa.delete(trusted_keys).where(trusted_keys.c.id == key_id))


def find(tx: Connection, key_id: str) -> TrustedKey | None:
    row = tx.execute(sa.select(trusted_keys).where(trusted_keys.c.id == key_id)).one_or_none()
    return None if row is None else _key(row)


def signing(tx: Connection) -> TrustedKey | None:
    """Return the key that signs, if there is one yet."""
    row = tx.execute(sa.select(trusted_keys).where(trusted_keys.c.signing)).one_or_none()
    return None if row is None else _key(row)


def all_keys(tx: Connection) -> list[TrustedKey]:
    """Return every key, from old to new."""
    order = (trusted_keys.c.created_ms, trusted_keys.c.id)
    return [_key(row) for row in tx.execute(sa.select(trusted_keys).order_by(*order))]


def _key(row: sa.Row[Any]) -> TrustedKey:
    return TrustedKey(
        id=row.id,
        public_key=row.public_key,
        name=row.name,
        own=row.own,
        signing=row.signing,
        created_ms=row.created_ms,
        who=row.who,
    )
