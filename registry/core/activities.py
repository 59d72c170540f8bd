"""Activities: long-running operations with state, progress and a log."""

from enum import StrEnum

import msgspec

from registry.core.errors import Conflict


class ActivityKind(StrEnum):
    BUILD = "build"
    DEPLOY = "deploy"
    DELETE = "delete"
    VERIFY = "verify"
    UNDO = "undo"


class ActivityState(StrEnum):
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SUPERSEDED = "superseded"

    @property
    def ended(self) -> bool:
        return self is not ActivityState.RUNNING


class Activity(msgspec.Struct, frozen=True, kw_only=True):
    """One long-running operation. ``progress`` runs from 0.0 to 1.0; times are Unix milliseconds."""

    id: str
    kind: ActivityKind
    subject: str  # "cancer/blue" or "cancer-onnx:1"
    state: ActivityState
    progress: float
    message: str  # the latest line, or why it failed
    log: list[str]
    created_ms: int
    ended_ms: int | None = None
    result: dict[
        str, str
    ] = {}  # of a build: {"digest": …, "reference": …}; of a verify: {"digest": …}; of a deploy: {"revision": …}


def check_open(activity: Activity) -> None:
    """Raise Conflict if the activity has ended: an ended activity never changes."""
    if activity.state.ended:
        raise Conflict(f"activity {activity.id} has already {activity.state}", activity=activity.id)
