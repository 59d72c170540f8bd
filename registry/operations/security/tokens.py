"""Tokens: make, list and revoke them, and recognise them fast."""

import asyncio
import time
from collections.abc import Callable

from anyio.to_thread import run_sync

from registry.core.errors import Conflict, NotFound, Unauthenticated
from registry.core.security.access import Caller, Role
from registry.core.security.tokens import PREFIX, MadeToken, Token, WantedToken, check_token_name, digest_of
from registry.core.times import DAY_MS
from registry.operations.workspace import Workspace
from registry.store.blobs import open_blobs
from registry.store.metadata import Connection, open_metadata
from registry.store.security import tokens as rows

FRESH_S = 3.0  # how long a revoked token may still open doors
AGAIN_S = 0.5  # an unknown token makes the table be read again at most this often

MISSING = (
    "this registry wants a token: set SLIPWAY_TOKEN, for MLflow's client MLFLOW_TRACKING_TOKEN; an owner makes one "
    "with `slipway token create NAME --role contributor`"
)


def open_store(database_url: str) -> Workspace:
    """Open the metadata alone, for who sits at the registry's own machine. The caller closes it.

    Raises:
        InvalidInput: the URL cannot be used.
        Unavailable: the database cannot be reached.
    """
    return Workspace(metadata=open_metadata(database_url), blobs=open_blobs("memory://"))


def create_token(workspace: Workspace, wanted: WantedToken) -> MadeToken:
    """Make a token; its secret is in the answer and nowhere else.

    Raises:
        InvalidInput: the name is not legal.
        Conflict: there is a live token of that name.
    """
    check_token_name(wanted.name)
    now_ms = workspace.now_ms()
    expires_ms = None if wanted.days is None else now_ms + wanted.days * DAY_MS
    token = Token(name=wanted.name, role=wanted.role, created_ms=now_ms, expires_ms=expires_ms)
    secret = PREFIX + workspace.new_key()
    with workspace.metadata.write() as tx:
        before = rows.find(tx, wanted.name)
        if before is not None and before.is_live(now_ms):
            raise Conflict(f"there is a token {wanted.name!r} already: revoke it first", name=wanted.name)
        rows.put(tx, workspace.new_id(), token, digest_of(secret))
    return MadeToken(token=token, secret=secret)


def list_tokens(workspace: Workspace) -> list[Token]:
    """Return every token, also those that open nothing any more, by name."""
    with workspace.metadata.read() as tx:
        return rows.all_tokens(tx)


def revoke_token(workspace: Workspace, name: str) -> None:
    """Take a token's power away; within ``FRESH_S`` seconds it opens nothing.

    Raises:
        NotFound: there is no live token of that name.
        Conflict: it is the last owner's.
    """
    now_ms = workspace.now_ms()
    with workspace.metadata.write() as tx:
        token = rows.find(tx, name)
        if token is None or not token.is_live(now_ms):
            raise NotFound(f"there is no live token {name!r}", name=name)
        if _live_owners(tx, now_ms) == {name}:
            raise Conflict(f"{name!r} is the last owner's token: make another first, then revoke it", name=name)
        rows.revoke(tx, name, now_ms)


def has_owner(workspace: Workspace) -> bool:
    """Say whether anybody can make tokens through the doors."""
    with workspace.metadata.read() as tx:
        return bool(_live_owners(tx, workspace.now_ms()))


class TokenTable:
    """Every token, as the store had them at most ``FRESH_S`` ago: a look-up costs a hash, and memory is bounded by
    what owners made, not by what attackers try."""

    def __init__(self, workspace: Workspace, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._workspace = workspace
        self._monotonic_s = monotonic_s
        self._tokens: dict[str, Token] = {}
        self._callers: dict[str, Caller] = {}
        self._read_s = float("-inf")
        self._reading = asyncio.Lock()

    def forget(self) -> None:
        """Read the tokens again when the next request comes: something has changed."""
        self._read_s = float("-inf")

    async def recognise(self, secret: str) -> Caller:
        """Return whose token this is.

        Raises:
            Unauthenticated: nobody's, or it is expired or revoked.
        """
        digest = digest_of(secret)
        await self._refresh(FRESH_S)
        if digest not in self._tokens:
            await self._refresh(AGAIN_S)
        token = self._tokens.get(digest)
        if token is None:
            raise Unauthenticated(f"the registry does not know this token: {MISSING}")
        now_ms = self._workspace.now_ms()
        if not token.is_live(now_ms):
            raise Unauthenticated(f"the token {token.name!r} is {token.state(now_ms)}: an owner can make another")
        return self._callers[digest]

    async def _refresh(self, fresh_s: float) -> None:
        if self._monotonic_s() - self._read_s < fresh_s:
            return
        async with self._reading:
            began_s = self._monotonic_s()
            if began_s - self._read_s < fresh_s:  # somebody else has just read
                return
            self._tokens = await run_sync(self._read)
            self._callers = {digest: Caller(token.name, token.role) for digest, token in self._tokens.items()}
            self._read_s = began_s

    def _read(self) -> dict[str, Token]:
        with self._workspace.metadata.read() as tx:
            return rows.by_digest(tx)


def _live_owners(tx: Connection, now_ms: int) -> set[str]:
    return {one.name for one in rows.all_tokens(tx) if one.role is Role.OWNER and one.is_live(now_ms)}
