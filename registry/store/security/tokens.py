"""Rows of tokens. A name stays one person's: made again, its row is replaced."""

from typing import Any

import sqlalchemy as sa

from registry.core.security.access import Role
from registry.core.security.tokens import Token
from registry.store.metadata import Connection
from registry.store.schema import tokens


def put(tx: Connection, token_id: str, token: Token, sha256: str) -> None:
    """Store a token in place of the one of its name."""
    tx.execute(sa.delete(tokens).where(tokens.c.name == token.name))
    tx.execute(
        sa.insert(tokens).values(
            id=token_id,
            name=token.name,
            role=token.role,
            sha256=sha256,
            created_ms=token.created_ms,
            expires_ms=token.expires_ms,
            revoked_ms=token.revoked_ms,
        )
    )


def revoke(tx: Connection, name: str, now_ms: int) -> None:
    tx.execute(sa.update(tokens).where(tokens.c.name == name).values(revoked_ms=now_ms))


def find(tx: Connection, name: str) -> Token | None:
    row = tx.execute(sa.select(tokens).where(tokens.c.name == name)).one_or_none()
    return None if row is None else _token(row)


def all_tokens(tx: Connection) -> list[Token]:
    """Return every token, by name."""
    return [_token(row) for row in tx.execute(sa.select(tokens).order_by(tokens.c.name))]


def by_digest(tx: Connection) -> dict[str, Token]:
    return {row.sha256: _token(row) for row in tx.execute(sa.select(tokens))}


def _token(row: sa.Row[Any]) -> Token:
    return Token(
        name=row.name,
        role=Role(row.role),
        created_ms=row.created_ms,
        expires_ms=row.expires_ms,
        revoked_ms=row.revoked_ms,
    )
