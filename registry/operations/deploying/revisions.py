"""What becomes of a deployment's revisions, inside the transaction of whatever changes it."""

from registry.core.activities import ActivityState
from registry.core.deploying.endpoints import Deployment, Revision, RevisionState
from registry.operations.activities import end_within
from registry.operations.workspace import Workspace
from registry.store import activities
from registry.store.deploying import deployments
from registry.store.metadata import Connection


def make_live_within(tx: Connection, workspace: Workspace, deployment: Deployment, number: int, message: str) -> None:
    """Let a revision answer for its deployment, in place of the one that did."""
    retire_live_within(tx, workspace, deployment, f"revision {number} took its place")
    _set(tx, deployment, number, RevisionState.LIVE, message)


def retire_live_within(tx: Connection, workspace: Workspace, deployment: Deployment, message: str) -> None:
    """Let the live revision, if there is one, stay warm for as long as the deployment says; one from before goes."""
    if deployment.live is None:
        return
    for revision in deployment.revisions:
        if revision.state is RevisionState.WARM:
            _set(tx, deployment, revision.number, RevisionState.RETIRED, revision.message)
    keep_warm_within(tx, workspace, deployment, deployment.live.number, message)


def keep_warm_within(tx: Connection, workspace: Workspace, deployment: Deployment, number: int, message: str) -> None:
    """Let a revision stay warm from now on, for as long as the deployment says."""
    if deployment.keep_warm_s == 0:
        _set(tx, deployment, number, RevisionState.RETIRED, message)
        return
    until_ms = workspace.now_ms() + deployment.keep_warm_s * 1000
    _set(tx, deployment, number, RevisionState.WARM, message, until_ms)


def give_up_starting_within(tx: Connection, workspace: Workspace, deployment: Deployment, reason: str) -> None:
    """Fail whatever is starting, and end its activity."""
    for revision in deployment.revisions:
        if revision.state is RevisionState.STARTING:
            _set(tx, deployment, revision.number, RevisionState.FAILED, reason)
            end_within(tx, workspace, revision.activity_id, state=ActivityState.SUPERSEDED, message=reason)


def end_deploy_within(
    tx: Connection, workspace: Workspace, revision: Revision, state: RevisionState, message: str
) -> None:
    """End the activity of a revision that is now live or failed, if it has not ended."""
    activity = activities.find(tx, revision.activity_id)
    if activity is None or activity.state.ended:
        return
    live = state is RevisionState.LIVE
    end_within(
        tx,
        workspace,
        activity.id,
        state=ActivityState.SUCCEEDED if live else ActivityState.FAILED,
        message=message or (f"revision {revision.number} is live" if live else "it never became ready"),
        result={"revision": str(revision.number)},
    )


def _set(
    tx: Connection,
    deployment: Deployment,
    number: int,
    state: RevisionState,
    message: str,
    warm_until_ms: int | None = None,
) -> None:
    deployments.set_state(
        tx, deployment.endpoint, deployment.name, number, state=state, message=message, warm_until_ms=warm_until_ms
    )
