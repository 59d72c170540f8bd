"""What would go for good, and what refuses to."""

from enum import StrEnum

import msgspec


class PurgeKind(StrEnum):
    """In the order in which they go: what refers to something goes before it."""

    VERSION = "model version"
    MODEL = "model"
    LOGGED_MODEL = "logged model"
    RUN = "run"
    EXPERIMENT = "experiment"
    DATASET = "dataset"
    ACTIVITIES = "activities"


ACTIVITY_DAYS = 30  # for so long, what was built or deployed can be read at least


class PurgeItem(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was deleted. ``refused`` says why it stays; "" if it goes. ``bytes`` may be shared with others."""

    kind: PurgeKind
    name: str
    deleted_ms: int
    files: int
    bytes: int
    refused: str = ""


class PurgePlan(msgspec.Struct, frozen=True, kw_only=True):
    """``freed_bytes`` and ``freed_blobs`` are what was in fact given back; 0 in a preview."""

    items: list[PurgeItem]
    done: bool = False
    freed_blobs: int = 0
    freed_bytes: int = 0


class PurgeOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What was deleted at least so many days ago."""

    older_than_days: float = 0.0
