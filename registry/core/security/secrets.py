"""Secrets: values that are named, used, and never shown again."""

import re

import msgspec

from registry.core.errors import InvalidInput

MAX_BYTES = 25_000  # of a value, as UTF-8; what Azure's key vault takes

_NAME = re.compile(r"[a-zA-Z0-9](?:[-a-zA-Z0-9]{0,125}[a-zA-Z0-9])?\Z")


class Secret(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a secret besides its value. ``who`` wrote it last; "" where the registry asks nobody."""

    name: str
    created_ms: int
    updated_ms: int
    who: str


class SecretValue(msgspec.Struct, frozen=True, kw_only=True):
    """A value on its way in; it never comes out."""

    value: str

    def __repr__(self) -> str:
        return "SecretValue(value=…)"


class SecretList(msgspec.Struct, frozen=True, kw_only=True):
    secrets: list[Secret]


def check_secret_name(name: str) -> str:
    """Return ``name`` if a secret can be called so. Raises InvalidInput."""
    if not _NAME.match(name):
        raise InvalidInput(
            f"invalid secret name {name[:128]!r}: use 1 to 127 letters, digits and '-', beginning and ending with a "
            "letter or digit",
            path="$.name",
        )
    return name


def check_secret_value(value: str) -> bytes:
    """Return the bytes of a value. Raises InvalidInput, which does not hold it, if it is empty or too long."""
    content = value.encode(errors="surrogatepass")
    if not 0 < len(content) <= MAX_BYTES:
        raise InvalidInput(f"the value has {len(content):,} bytes: it must have 1 to {MAX_BYTES:,}", path="$.value")
    return content
