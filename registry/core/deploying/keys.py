"""An endpoint's keys: how they are kept, and what each may do.

Every endpoint has the pair ``primary`` and ``secondary``, as on Azure ML; more have names that people give them. Of a
key its SHA-256 is all that is kept: it has 256 random bits, so a slow hash would guard nothing more.
"""

import hashlib
import re
from collections.abc import Iterable
from typing import Annotated, Literal

import msgspec

from registry.core.errors import InvalidInput
from registry.core.loading import child
from registry.core.names import check_name

PAIR = ("primary", "secondary")
MAX_KEYS = 100  # of one endpoint
MAX_REPLACED = 8  # that one key has, each valid for a while yet
MAX_OVERLAP_S = 30 * 24 * 60 * 60
MAX_SCOPE = 8  # deployments that a key names: as many as a split has
LAST_MS = 253_402_300_799_000  # the end of the year 9999
FULL_AGAIN_S = 600  # within which a limit's burst is there again; the edge counts what is longer ago no more
MAX_RATE_PER_S = 10_000

_KEY_NAME = re.compile(r"[a-z0-9](?:[-_a-z0-9]{0,31})\Z")
_PERIOD_S = {"second": 1, "minute": 60}


class RateLimit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``requests`` for each ``per``, evenly spread, of which ``burst`` may come at once.

    Without ``burst`` it is a tenth of them, but 5 where there are as many.

    Each edge counts for itself.
    """

    requests: Annotated[int, msgspec.Meta(ge=1)]
    per: Literal["second", "minute"] = "second"
    burst: Annotated[int, msgspec.Meta(ge=1)] | None = None

    @property
    def step_us(self) -> int:
        """The time in which one more request is allowed, in microseconds."""
        return round(_PERIOD_S[self.per] * 1_000_000 / self.requests)

    @property
    def room_us(self) -> int:
        """How far ahead of its time a request may be: the steps of a whole burst, in microseconds."""
        return self.step_us * (self.burst or min(self.requests, max(5, self.requests // 10)))

    def __str__(self) -> str:
        burst = "" if self.burst is None else f", {self.burst} at once"
        return f"{self.requests} a {self.per}{burst}"


class KeyRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a key may do. ``deployments`` empty means all of them, by the endpoint's split.

    Those that are named share the key's requests as the split has it among them, equally where it gives them none.
    """

    deployments: list[str] = []
    allow_override: bool = True  # by azureml-model-deployment or a model version
    rate_limit: RateLimit | None = None
    expires_ms: int | None = None


class ReplacedKey(msgspec.Struct, frozen=True):
    """The hash of a key that another has replaced, and until when it is valid beside it."""

    sha256: str
    until_ms: int


class KeyHash(msgspec.Struct, frozen=True):
    """A key at rest: its name, the SHA-256 of it in hexadecimal, and its rules."""

    name: str
    sha256: str
    rules: KeyRules = KeyRules()
    replaced: list[ReplacedKey] = []

    def valid_hashes(self) -> list[tuple[str, int | None]]:
        """Return each hash that opens the endpoint under this name, and when it ceases to in Unix milliseconds."""
        end = self.rules.expires_ms
        overlaps = [(old.sha256, old.until_ms if end is None else min(old.until_ms, end)) for old in self.replaced]
        return [(self.sha256, end), *overlaps]


def hash_key(key: str) -> str:
    """Return what is kept of a key."""
    return hashlib.sha256(key.encode()).hexdigest()


def check_key_name(name: str, path: str = "$.name") -> str:
    """Return ``name`` if a key can be called so. Raises InvalidInput."""
    if not _KEY_NAME.match(name):
        rule = "1 to 32 lower-case letters, digits, '-' and '_', beginning with a letter or digit"
        raise InvalidInput(f"{path}: {name[:64]!r} is no name of a key: use {rule}", path=path)
    return name


def check_count(keys: list[KeyHash]) -> list[KeyHash]:
    """Return the keys if an endpoint has room for them. Raises InvalidInput."""
    if len(keys) > MAX_KEYS:
        raise InvalidInput(f"$.keys: an endpoint has at most {MAX_KEYS} keys, not {len(keys)}", path="$.keys")
    return keys


def check_rules(rules: KeyRules, path: str = "$") -> KeyRules:
    """Return the rules with their deployments sorted, each once.

    Raises:
        InvalidInput: a deployment's name is none or there are too many, or a limit is beyond what an edge can count.
    """
    where = child(path, "deployments")
    if len(rules.deployments) > MAX_SCOPE:
        raise InvalidInput(f"{where}: at most {MAX_SCOPE}; a key that names none reaches all of them", path=where)
    for name in rules.deployments:
        check_name("deployment", name)
    if rules.rate_limit is not None:
        _check_limit(rules.rate_limit, child(path, "rate_limit"))
    if rules.expires_ms is not None and not 0 < rules.expires_ms <= LAST_MS:
        where = child(path, "expires_ms")
        raise InvalidInput(f"{where}: {rules.expires_ms} is no time", path=where)
    return msgspec.structs.replace(rules, deployments=_each_once(rules.deployments))


def _check_limit(limit: RateLimit, path: str) -> None:
    if limit.requests > MAX_RATE_PER_S * _PERIOD_S[limit.per]:
        raise InvalidInput(f"{path}.requests: at most {MAX_RATE_PER_S} a second", path=f"{path}.requests")
    if limit.room_us > FULL_AGAIN_S * 1_000_000:
        most = FULL_AGAIN_S * 1_000_000 // limit.step_us
        raise InvalidInput(
            f"{path}.burst: at most {most} at {limit.requests} a {limit.per}: what {FULL_AGAIN_S // 60} minutes allow",
            path=f"{path}.burst",
        )


def _each_once(names: Iterable[str]) -> list[str]:
    return sorted({name.lower(): name for name in names}.values(), key=str.lower)
