"""Which manifests stay, and why: what a revision runs, what a tag means, and what those need."""

from collections.abc import Iterable, Sequence
from typing import Annotated, NamedTuple

import msgspec

Key = tuple[str, str]  # repository, digest


class ManifestFacts(NamedTuple):
    """What speaks for a manifest. ``numbers`` are the tags that the workspace gives, ``tags`` all others."""

    name: str
    digest: str
    created_ms: int
    numbers: tuple[int, ...] = ()
    tags: tuple[str, ...] = ()
    users: tuple[str, ...] = ()  # ENDPOINT/DEPLOYMENT revision N
    children: tuple[str, ...] = ()  # an index' manifests
    subject: str | None = None  # what it is attached to

    @property
    def key(self) -> Key:
        return self.name, self.digest


class PruneOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What came at least so many days ago goes, if nothing holds it.

    With ``keep``, a number holds only the newest so many of each name; without, every number does.
    """

    older_than_days: Annotated[float, msgspec.Meta(ge=0, le=36_500)] = 1.0
    keep: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] | None = None


class PruneItem(msgspec.Struct, frozen=True, kw_only=True):
    """A manifest that goes, and the bytes of its blobs that nothing else needs.

    ``reference`` is NAME:NUMBER, or NAME@DIGEST of what has no number.
    """

    reference: str
    digest: str
    media_type: str
    created_ms: int
    bytes: int


class PrunePlan(msgspec.Struct, frozen=True, kw_only=True):
    """``blobs`` and ``bytes`` are what is given back, or would be; blobs written within a day go another time."""

    items: list[PruneItem]
    kept: int  # manifests
    kept_images: int = 0  # of them: signatures, lists and whatever else was pushed are none
    blobs: int
    bytes: int
    done: bool = False


def reasons_to_keep(facts: Sequence[ManifestFacts], *, keep: int | None, before_ms: int) -> dict[Key, str]:
    """Return, for each manifest that stays, why."""
    newest = _newest(facts, keep)
    reasons = {fact.key: reason for fact in facts if (reason := _own_reason(fact, fact.key in newest, before_ms))}
    by_key = {fact.key: fact for fact in facts}
    waiting = list(reasons)
    attached = _attached(facts)
    while waiting:
        name, digest = waiting.pop()
        needed = {(name, child): f"{digest} is an index that lists it" for child in by_key[name, digest].children}
        needed |= dict.fromkeys(attached.get((name, digest), ()), f"it is attached to {digest}")
        for key, reason in needed.items():
            if key in by_key and key not in reasons:
                reasons[key] = reason
                waiting.append(key)
    return reasons


def _own_reason(fact: ManifestFacts, is_among_newest: bool, before_ms: int) -> str:
    if fact.users:
        return f"{fact.users[0]} refers to it"
    if fact.tags:
        return f"it is tagged {fact.tags[0]}"
    if is_among_newest:
        return f"it is number {max(fact.numbers)}"
    return "it came only now" if fact.created_ms > before_ms else ""


def _newest(facts: Iterable[ManifestFacts], keep: int | None) -> set[Key]:
    """Return the manifests whose number holds them."""
    numbered: dict[str, list[tuple[int, Key]]] = {}
    for fact in facts:
        if fact.numbers:
            numbered.setdefault(fact.name, []).append((max(fact.numbers), fact.key))
    held = (sorted(ones, reverse=True)[:keep] for ones in numbered.values())
    return {key for ones in held for _, key in ones}


def _attached(facts: Iterable[ManifestFacts]) -> dict[Key, list[Key]]:
    attached: dict[Key, list[Key]] = {}
    for fact in facts:
        if fact.subject is not None:
            attached.setdefault((fact.name, fact.subject), []).append(fact.key)
    return attached
