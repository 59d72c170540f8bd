"""Tokens: the names of who calls. Their secrets are shown once and kept nowhere; a digest recognises them."""

import hashlib
import re
from typing import Annotated

import msgspec

from registry.core.errors import InvalidInput
from registry.core.security.access import Role

PREFIX = "slipway_"  # tells people and secret scanners what they found
MAX_DAYS = 3650

_NAME = re.compile(r"[a-zA-Z0-9](?:[-_.@a-zA-Z0-9]{0,126}[a-zA-Z0-9])?\Z")

Days = Annotated[int, msgspec.Meta(ge=1, le=MAX_DAYS)]


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a token besides its digest. Of a time that never comes there is None."""

    name: str
    role: Role
    created_ms: int
    expires_ms: int | None = None
    revoked_ms: int | None = None

    def is_live(self, now_ms: int) -> bool:
        return self.revoked_ms is None and (self.expires_ms is None or now_ms < self.expires_ms)

    def state(self, now_ms: int) -> str:
        """Say in a word whether it opens anything."""
        if self.is_live(now_ms):
            return "live"
        return "expired" if self.revoked_ms is None else "revoked"


class WantedToken(msgspec.Struct, frozen=True, kw_only=True):
    """``days`` is how long it lives; without it, until it is revoked."""

    name: str
    role: Role
    days: Days | None = None


class MadeToken(msgspec.Struct, frozen=True, kw_only=True):
    """``secret`` is the token in the clear: shown once, when it is made."""

    token: Token
    secret: str


class TokenList(msgspec.Struct, frozen=True, kw_only=True):
    tokens: list[Token]


def check_token_name(name: str) -> str:
    """Return ``name`` if a token can be called so. Raises InvalidInput."""
    if not _NAME.match(name):
        raise InvalidInput(
            f"invalid token name {name[:128]!r}: use 1 to 128 letters, digits, '.', '_', '-' and '@', beginning and "
            "ending with a letter or digit",
            path="$.name",
        )
    return name


def digest_of(secret: str) -> str:
    """Return what the store keeps of a token. It has 256 random bits: a slow hash would guard nothing more."""
    return hashlib.sha256(secret.encode()).hexdigest()
