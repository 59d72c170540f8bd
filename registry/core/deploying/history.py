"""What was changed at an endpoint, when and by whom, and what answered for it from then on.

A *release* is what undo goes back to as one: the split with what belongs to it, and the live revision of each
deployment. Changes that leave it as it is, such as a renewed key, stand in the history under the same release.
"""

from enum import StrEnum

import msgspec
from msgspec.structs import replace

from registry.core.deploying.endpoints import Deployment, Endpoint

# Settings of an endpoint that decide who answers: they make a release. Keys, words and times do not.
RELEASED = ("traffic", "intervals", "traffic_key")


class ChangeKind(StrEnum):
    CREATE = "create"
    UPDATE = "update"
    TRAFFIC = "traffic"
    MIRROR = "mirror"
    KEY = "key"
    LIVE = "live"  # a revision took a deployment over
    REMOVE = "remove"  # a deployment was deleted
    UNDO = "undo"
    DELETE = "delete"
    EXPIRE = "expire"  # it was deleted by itself: an endpoint, or a deployment


class LiveRevision(msgspec.Struct, frozen=True, kw_only=True):
    """What answered for a deployment. Its other settings are the revision's, while the deployment is there."""

    deployment: str
    revision: int
    image: str
    image_digest: str
    models: dict[str, int]
    instance_count: int


class EndpointChange(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the history: from ``at_ms`` on, ``endpoint`` and ``live`` were so; without an endpoint it was deleted.

    ``number`` counts an endpoint's changes, and goes on when one of its name is made again; so does ``release``.
    ``before`` is the release that undo goes back to from there.
    """

    number: int
    release: int
    before: int | None
    kind: ChangeKind
    message: str
    who: str = ""
    at_ms: int
    endpoint: Endpoint | None
    live: list[LiveRevision]


class EndpointHistory(msgspec.Struct, frozen=True, kw_only=True):
    """The newest changes from old to new, or the one that held at a time."""

    name: str
    changes: list[EndpointChange]


class HistoryQuery(msgspec.Struct, frozen=True, kw_only=True):
    """``at_ms`` asks for what held then; else ``limit`` says how many of the newest changes are wanted."""

    at_ms: int | None = None
    limit: int = 100


def live_revisions(deployments: list[Deployment]) -> list[LiveRevision]:
    """Return what answers for each deployment of an endpoint, in their order."""
    return [
        LiveRevision(
            deployment=deployment.name,
            revision=live.number,
            image=live.image,
            image_digest=live.image_digest,
            models=live.models,
            instance_count=live.instance_count,
        )
        for deployment in deployments
        if (live := deployment.live) is not None
    ]


def follow(
    previous: EndpointChange | None,
    kind: ChangeKind,
    message: str,
    *,
    endpoint: Endpoint | None,
    live: list[LiveRevision],
    who: str,
    at_ms: int,
    before: int | None = None,
) -> EndpointChange | None:
    """Return the change that comes after ``previous``; None if nothing is otherwise than it was.

    ``before`` is the release that undo goes back to from there, if it is not the one that it follows.
    """
    if previous is not None and _is_alike(previous, endpoint, live):
        return None
    change = EndpointChange(
        number=previous.number + 1 if previous else 1,
        release=previous.release if previous else 0,
        before=previous.before if previous else None,
        kind=kind,
        message=message,
        who=who,
        at_ms=at_ms,
        endpoint=endpoint,
        live=live,
    )
    if endpoint is None or (previous is not None and is_same_release(previous, change)):
        return change
    if kind is ChangeKind.UNDO:
        return replace(change, release=change.release + 1, before=before)
    first = previous is None or previous.endpoint is None
    return replace(change, release=change.release + 1, before=None if first or previous is None else previous.release)


def is_same_release(one: EndpointChange, other: EndpointChange) -> bool:
    """Say whether the same revisions answer under the same split."""
    if one.endpoint is None or other.endpoint is None:
        return False
    return _numbers(one) == _numbers(other) and all(
        getattr(one.endpoint, name) == getattr(other.endpoint, name) for name in RELEASED
    )


def _numbers(change: EndpointChange) -> dict[str, int]:
    return {live.deployment: live.revision for live in change.live}


def _is_alike(previous: EndpointChange, endpoint: Endpoint | None, live: list[LiveRevision]) -> bool:
    if previous.endpoint is None or endpoint is None:
        return previous.endpoint is endpoint
    return replace(previous.endpoint, updated_ms=0) == replace(endpoint, updated_ms=0) and previous.live == live
