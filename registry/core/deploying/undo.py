"""Going back to a release: what it would change, as a plan for people and programs. Pure."""

from typing import Any

import msgspec

from registry.core.activities import Activity
from registry.core.deploying.endpoints import Deployment, Revision, RevisionState
from registry.core.deploying.history import RELEASED, EndpointChange, is_same_release
from registry.core.deploying.traffic import split_text
from registry.core.errors import Conflict
from registry.core.names import parse_image_reference


class UndoOrder(msgspec.Struct, frozen=True, kw_only=True):
    """``to`` is a release, by default the one before. ``seen`` is the release that whoever asks takes for the current
    one: if it no longer is, nothing is done."""

    to: int | None = None
    seen: int | None = None


class UndoStep(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that becomes another. ``what`` is a setting, or ``deployment NAME``."""

    what: str
    before: str
    after: str
    note: str = ""


class UndoPlan(msgspec.Struct, frozen=True, kw_only=True):
    """``cold`` are the revisions, ``DEPLOYMENT:NUMBER``, that no longer run and take as long as they take to start."""

    endpoint: str
    current: int
    to: int
    steps: list[UndoStep]
    cold: list[str] = []


class UndoAnswer(msgspec.Struct, frozen=True, kw_only=True):
    plan: UndoPlan
    activity: Activity


def plan_undo(current: EndpointChange, to: EndpointChange, deployments: list[Deployment]) -> UndoPlan:
    """Say what going from ``current`` to the release ``to`` changes.

    Raises:
        Conflict: it is what answers now, or a deployment or revision that answered for it was deleted.
    """
    assert current.endpoint is not None
    assert to.endpoint is not None
    if is_same_release(current, to):
        raise Conflict(f"release {to.release} of {current.endpoint.name!r} is what answers now", release=to.release)
    by_name = {deployment.name: deployment for deployment in deployments}
    wanted = {live.deployment: live.revision for live in to.live}
    for name, number in sorted(wanted.items()):
        if to.endpoint.traffic.get(name) or name in by_name:
            _check_kept(to.release, name, number, by_name.get(name))
    settings = [
        _setting(name, getattr(current.endpoint, name), getattr(to.endpoint, name))
        for name in RELEASED
        if name != "intervals" and getattr(current.endpoint, name) != getattr(to.endpoint, name)
    ]
    changed = [one for one in deployments if (one.live.number if one.live else None) != wanted.get(one.name)]
    return UndoPlan(
        endpoint=current.endpoint.name,
        current=current.release,
        to=to.release,
        steps=[*settings, *(_step(one, wanted.get(one.name)) for one in changed)],
        cold=[
            f"{one.name}:{revision.number}"
            for one in changed
            if (revision := _revision(one, wanted.get(one.name))) is not None
            and revision.state not in (RevisionState.WARM, RevisionState.STARTING)
        ],
    )


def to_start(to: EndpointChange, deployments: list[Deployment]) -> list[tuple[Deployment, Revision]]:
    """Return the revisions of a release that do not answer now."""
    wanted = {live.deployment: live.revision for live in to.live}
    found = [(one, _revision(one, wanted.get(one.name))) for one in deployments]
    return [(one, revision) for one, revision in found if revision and revision.state is not RevisionState.LIVE]


def _check_kept(release: int, name: str, number: int, deployment: Deployment | None) -> None:
    if deployment is not None and _revision(deployment, number) is not None:
        return
    raise Conflict(
        f"release {release} cannot be had again: revision {number} of deployment {name!r}, which answered for it, was "
        "deleted; `slipway endpoint history` has others, for --to",
        release=release,
        deployment=name,
    )


def _setting(name: str, before: Any, after: Any) -> UndoStep:
    if name == "traffic":
        return UndoStep(what=name, before=split_text(before), after=split_text(after))
    texts = [msgspec.json.encode(value).decode() if value is not None else "none" for value in (before, after)]
    return UndoStep(what=name, before=texts[0], after=texts[1])


def _step(deployment: Deployment, number: int | None) -> UndoStep:
    revision = _revision(deployment, number)
    return UndoStep(
        what=f"deployment {deployment.name}",
        before=_text(deployment.live),
        after=_text(revision),
        note="" if revision is None else "warm" if revision.state is RevisionState.WARM else "has to start first",
    )


def _text(revision: Revision | None) -> str:
    if revision is None:
        return "none"
    image = parse_image_reference(revision.image).name
    return f"revision {revision.number}, {image}@{revision.image_digest.removeprefix('sha256:')[:12]}"


def _revision(deployment: Deployment, number: int | None) -> Revision | None:
    return next((revision for revision in deployment.revisions if revision.number == number), None)
