"""Tokens and the audit as the SDK has them; each call takes an owner's token."""

from typing import Any
from urllib.parse import quote

from registry.client.door import V1, Door
from registry.core.security.access import Role
from registry.core.security.audit import AuditEntry, AuditList
from registry.core.security.tokens import MadeToken, Token, TokenList, WantedToken


class Access:
    def __init__(self, door: Door) -> None:
        self._door = door

    def tokens(self) -> list[Token]:
        return self._door.ask("GET", "/tokens", TokenList).tokens

    def create_token(self, name: str, role: Role, days: int | None = None) -> MadeToken:
        """Make a token. Its secret is in the answer, this once."""
        return self._door.ask("POST", "/tokens", MadeToken, WantedToken(name=name, role=role, days=days))

    def revoke_token(self, name: str) -> None:
        self._door.send("DELETE", f"{V1}/tokens/{quote(name, safe='')}")

    def audit(self, since_ms: int = 0, who: str | None = None, limit: int = 1000) -> list[AuditEntry]:
        """Return the newest entries, newest first."""
        params: dict[str, Any] = {"since_ms": since_ms, "limit": limit}
        if who is not None:
            params["who"] = who
        return self._door.ask("GET", "/audit", AuditList, params=params).entries
