"""``keys`` of endpoint.yml: what people write of a key, and the rules that it means."""

from datetime import date
from typing import Any

import msgspec

from registry.core.deploying.keys import KeyRules, RateLimit, check_key_name, check_rules
from registry.core.loading import child
from registry.core.times import moment_ms, moment_text


class KeyDocument(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one key may do. ``expires`` is a day or a time, such as 2027-03-01 or 2027-03-01T12:30Z."""

    deployments: list[str] = []
    allow_override: bool = True
    rate_limit: RateLimit | None = None
    expires: str | None = None


def rules_of(name: str, key: KeyDocument) -> KeyRules:
    """Return the rules that a document has for a key. Raises InvalidInput."""
    path = child("$.keys", name)
    check_key_name(name, path)
    rules = KeyRules(
        deployments=key.deployments,
        allow_override=key.allow_override,
        rate_limit=key.rate_limit,
        expires_ms=None if key.expires is None else moment_ms(key.expires, child(path, "expires")),
    )
    return check_rules(rules, path)


def document_of(rules: KeyRules) -> KeyDocument:
    """Return what a document says of a key that has these rules."""
    return KeyDocument(
        deployments=rules.deployments,
        allow_override=rules.allow_override,
        rate_limit=rules.rate_limit,
        expires=None if rules.expires_ms is None else moment_text(rules.expires_ms),
    )


def with_days_as_text(value: Any) -> Any:
    """Return a document's plain values with each ``expires`` as text: YAML reads 2027-03-01 as a day, JSON does not."""
    if not isinstance(value, dict) or not isinstance(value.get("keys"), dict):
        return value
    return value | {"keys": {name: _with_day_as_text(key) for name, key in value["keys"].items()}}


def _with_day_as_text(key: Any) -> Any:
    if isinstance(key, dict) and isinstance(key.get("expires"), date):
        return key | {"expires": key["expires"].isoformat()}
    return key
