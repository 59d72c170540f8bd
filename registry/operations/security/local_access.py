"""Tokens at the registry's own machine, without a door: whoever may write its store is an owner anyway."""

from registry.core.security.access import Role
from registry.core.security.audit import AuditEntry
from registry.core.security.tokens import MadeToken, Token, WantedToken
from registry.operations.security import audit, tokens
from registry.operations.workspace import Workspace


class LocalTokens:
    """The SDK's calls on the store itself. The audit has ``user``, the system's name of who did it."""

    def __init__(self, workspace: Workspace, user: str) -> None:
        self._workspace = workspace
        self._user = user

    def tokens(self) -> list[Token]:
        return tokens.list_tokens(self._workspace)

    def create_token(self, name: str, role: Role, days: int | None) -> MadeToken:
        """Raise as ``tokens.create_token``."""
        made = tokens.create_token(self._workspace, WantedToken(name=name, role=role, days=days))
        self._note("POST", "/api/v1/tokens", 201)
        return made

    def revoke_token(self, name: str) -> None:
        """Raise as ``tokens.revoke_token``."""
        tokens.revoke_token(self._workspace, name)
        self._note("DELETE", f"/api/v1/tokens/{name}", 204)

    def _note(self, method: str, path: str, status: int) -> None:
        entry = AuditEntry(
            at_ms=self._workspace.now_ms(),
            who=f"local:{self._user}",
            address="",
            method=method,
            path=path,
            status=status,
            request_id="",
        )
        audit.note_at_once(self._workspace, entry)
