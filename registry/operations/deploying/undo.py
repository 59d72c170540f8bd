"""Undo: models, images, settings and split of an endpoint go back to an earlier release together.

Whatever of the release does not answer is started again, as a revision is that is new: what stayed warm is found ready
by the controller's next look, what did not takes its start. When all of it is ready, one transaction lets it answer. An
undo that is under way is a row, so it survives whoever carries it out; whatever else changes who answers gives it up.
"""

from msgspec.structs import replace

from registry.core.activities import ActivityKind, ActivityState
from registry.core.deploying.endpoints import Deployment, Endpoint, Revision, RevisionState
from registry.core.deploying.history import RELEASED, ChangeKind, EndpointChange
from registry.core.deploying.undo import UndoAnswer, UndoOrder, UndoPlan, plan_undo, to_start
from registry.core.errors import Conflict, NotFound
from registry.core.names import parse_image_reference
from registry.operations.activities import begin_within, end_within
from registry.operations.activities import get_within as get_activity_within
from registry.operations.deploying.history import note_within
from registry.operations.deploying.revisions import (
    give_up_starting_within,
    keep_warm_within,
    make_live_within,
    retire_live_within,
)
from registry.operations.security.caller import who
from registry.operations.workspace import Workspace
from registry.store import counters
from registry.store.deploying import deployments, endpoints, history, undos
from registry.store.deploying.undos import Undo
from registry.store.imaging import images
from registry.store.metadata import Connection


def preview_undo(workspace: Workspace, name: str, order: UndoOrder) -> UndoPlan:
    """Say what ``undo_endpoint`` would do, and do nothing. Raises as that."""
    with workspace.metadata.read() as tx:
        endpoint = _get(tx, name)
        return _plan(tx, endpoint, order, deployments.of_endpoint(tx, endpoint.name))[0]


def undo_endpoint(workspace: Workspace, name: str, order: UndoOrder) -> UndoAnswer:
    """Begin to go back to a release. The activity ends when it answers, at once if all of it answers already.

    Raises:
        NotFound: no such endpoint or release.
        Conflict: there is nothing to go back to, it is not what was seen, another undo is under way, or something of
            the release is gone: a deployment, a revision, or an image that would have to start.
    """
    with workspace.metadata.write() as tx:
        endpoint = _get(tx, name)
        if (running := undos.find(tx, name)) is not None:
            raise Conflict(
                f"an undo of {endpoint.name!r} to release {running.release} is under way", release=running.release
            )
        held = deployments.of_endpoint(tx, endpoint.name)
        plan, to = _plan(tx, endpoint, order, held)
        activity = begin_within(tx, workspace, ActivityKind.UNDO, endpoint.name, f"going back to release {to.release}")
        for deployment in held:
            give_up_starting_within(tx, workspace, deployment, f"the endpoint goes back to release {to.release}")
        for deployment, revision in to_start(to, held):
            deployments.restart(tx, endpoint.name, deployment.name, revision.number, activity.id)
        undos.insert(tx, name, Undo(release=to.release, activity_id=activity.id, who=who()))
        _finish_if_ready(tx, workspace, endpoint)
        counters.increment(tx, counters.DESIRED_STATE)
        activity = get_activity_within(tx, activity.id)
    workspace.signal.notify()
    return UndoAnswer(plan=plan, activity=activity)


def hear_within(
    tx: Connection, workspace: Workspace, deployment: Deployment, revision: Revision, state: RevisionState, message: str
) -> bool:
    """Take a starting revision's verdict if an undo waits for it, and say whether one does."""
    undo = undos.find(tx, deployment.endpoint)
    if undo is None or undo.activity_id != revision.activity_id:
        return False
    here = (tx, deployment.endpoint, deployment.name, revision.number)
    if state is RevisionState.LIVE:
        deployments.set_state(*here, state=RevisionState.WARM, message="ready to answer again")
        _finish_if_ready(tx, workspace, _get(tx, deployment.endpoint))
    else:
        deployments.set_state(*here, state=state, message=message)
        reason = f"{deployment.name} revision {revision.number} did not start again: {message or 'it gave no reason'}"
        _end(tx, workspace, deployment.endpoint, undo, ActivityState.FAILED, reason)
    return True


def give_up_undo_within(tx: Connection, workspace: Workspace, endpoint: str, reason: str) -> None:
    """End an undo that is under way, if one is: who answers is decided otherwise."""
    if (undo := undos.find(tx, endpoint)) is not None:
        _end(tx, workspace, endpoint, undo, ActivityState.SUPERSEDED, reason)


def _plan(
    tx: Connection, endpoint: Endpoint, order: UndoOrder, held: list[Deployment]
) -> tuple[UndoPlan, EndpointChange]:
    current = history.last(tx, endpoint.name)
    assert current is not None  # there is no endpoint without a history
    if order.seen not in (None, current.release):
        raise Conflict(
            f"{endpoint.name!r} has changed meanwhile: release {current.release} answers, not {order.seen}",
            release=current.release,
        )
    to = _target(tx, endpoint, current, order.to)
    plan = plan_undo(current, to, held)
    for deployment, revision in to_start(to, held):
        if f"{deployment.name}:{revision.number}" in plan.cold:
            _check_image(tx, deployment, revision)
    return plan, to


def _target(tx: Connection, endpoint: Endpoint, current: EndpointChange, to: int | None) -> EndpointChange:
    if to is not None:
        found = history.of_release(tx, endpoint.name, to)
        if found is None or found.endpoint is None or found.endpoint.created_ms != endpoint.created_ms:
            raise NotFound(
                f"{endpoint.name!r} has no release {to}: see `slipway endpoint history {endpoint.name}`", release=to
            )
        return found
    before = None if current.before is None else history.of_release(tx, endpoint.name, current.before)
    if before is None or before.endpoint is None:
        raise Conflict(f"there is nothing to undo at {endpoint.name!r}: release {current.release} is its first")
    if not before.endpoint.traffic:
        raise Conflict(
            f"there is nothing to undo at {endpoint.name!r}: before release {current.release} no deployment had "
            f"traffic; `slipway endpoint undo {endpoint.name} --to {before.release}` goes back there nevertheless",
            release=before.release,
        )
    return before


def _check_image(tx: Connection, deployment: Deployment, revision: Revision) -> None:
    name = parse_image_reference(revision.image).name
    if images.find(tx, name, revision.image_digest) is None:
        raise Conflict(
            f"the image of {deployment.name} revision {revision.number} is gone, {name}@{revision.image_digest}: build "
            "it again and deploy it",
            deployment=deployment.name,
            image_digest=revision.image_digest,
        )


def _finish_if_ready(tx: Connection, workspace: Workspace, endpoint: Endpoint) -> None:
    undo = undos.find(tx, endpoint.name)
    assert undo is not None
    to = history.of_release(tx, endpoint.name, undo.release)
    assert to is not None
    assert to.endpoint is not None
    held = deployments.of_endpoint(tx, endpoint.name)
    if any(revision.state is RevisionState.STARTING for _, revision in to_start(to, held)):
        return
    started = {deployment.name: revision.number for deployment, revision in to_start(to, held)}
    wanted = {live.deployment for live in to.live}
    for deployment in held:
        if deployment.name in started:
            make_live_within(tx, workspace, deployment, started[deployment.name], f"as in release {to.release}")
        elif deployment.name not in wanted:
            retire_live_within(tx, workspace, deployment, f"the endpoint went back to release {to.release}")
    settings = {name: getattr(to.endpoint, name) for name in RELEASED}
    endpoints.put(tx, replace(endpoint, **settings, updated_ms=workspace.now_ms()))
    message = f"went back to release {to.release}"
    note_within(tx, workspace, endpoint.name, ChangeKind.UNDO, message, by=undo.who, before=to.before)
    undos.delete(tx, endpoint.name)
    end_within(tx, workspace, undo.activity_id, state=ActivityState.SUCCEEDED, message=message)


def _end(tx: Connection, workspace: Workspace, endpoint: str, undo: Undo, state: ActivityState, reason: str) -> None:
    """Leave everything as it is; what was started for nothing stays warm as if it had just been replaced."""
    for deployment in deployments.of_endpoint(tx, endpoint):
        for revision in deployment.revisions:
            is_its = revision.activity_id == undo.activity_id
            if is_its and revision.state in (RevisionState.STARTING, RevisionState.WARM):
                keep_warm_within(tx, workspace, deployment, revision.number, reason)
    undos.delete(tx, endpoint)
    end_within(tx, workspace, undo.activity_id, state=state, message=reason)


def _get(tx: Connection, name: str) -> Endpoint:
    endpoint = endpoints.find(tx, name)
    if endpoint is None:
        raise NotFound(f"there is no endpoint {name!r}", endpoint=name)
    return endpoint
