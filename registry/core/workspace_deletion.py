"""What deletes when a whole workspace is, and what refuses to."""

import msgspec

from registry.core.errors import InvalidInput


class NounCount(msgspec.Struct, frozen=True, kw_only=True):
    """``bytes`` are of the files that belong to it, which may be shared with others."""

    noun: str
    count: int
    bytes: int = 0


class DeletionPlan(msgspec.Struct, frozen=True, kw_only=True):
    """``name`` is what must be given to confirm it. ``stored_files`` and ``stored_bytes`` are all that the stores hold,
    each file once. While ``refused`` holds a sentence, nothing goes."""

    name: str
    nouns: list[NounCount]
    stored_files: int
    stored_bytes: int
    refused: list[str]


class DeletionOrder(msgspec.Struct, frozen=True, kw_only=True):
    """``confirm`` is the workspace's name."""

    confirm: str


def check_confirmed(name: str, confirm: str) -> None:
    """Raise InvalidInput unless the name that was given is the workspace's."""
    if confirm != name:
        raise InvalidInput(
            f"this workspace is called {name!r}, not {confirm[:80]!r}: nothing was deleted", path="$.confirm"
        )
