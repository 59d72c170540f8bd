"""An endpoint's history: written in the transaction of each change, read as it was at any time."""

from registry.core.deploying.history import ChangeKind, EndpointChange, follow, live_revisions
from registry.core.errors import NotFound
from registry.operations.security.caller import who
from registry.operations.workspace import Workspace
from registry.store.deploying import deployments, endpoints, history
from registry.store.metadata import Connection

MAX_LISTED = 1_000


def note_within(
    tx: Connection,
    workspace: Workspace,
    endpoint: str,
    kind: ChangeKind,
    message: str,
    *,
    by: str | None = None,
    before: int | None = None,
) -> None:
    """Write down what was changed, after the change and inside its transaction; nothing if all is as it was.

    ``by`` is who wanted it, where that is not who asks now; ``before`` of an undo the release to go back to from there.
    """
    change = follow(
        history.last(tx, endpoint),
        kind,
        message,
        endpoint=endpoints.find(tx, endpoint),
        live=live_revisions(deployments.of_endpoint(tx, endpoint)),
        who=who() if by is None else by,
        at_ms=workspace.now_ms(),
        before=before,
    )
    if change is not None:
        history.add(tx, endpoint, change)


def get_history(workspace: Workspace, name: str, at_ms: int | None, limit: int) -> list[EndpointChange]:
    """Return the newest changes from old to new; with ``at_ms``, the one that held then, if there was an endpoint.

    Raises:
        NotFound: there never was such an endpoint.
    """
    with workspace.metadata.read() as tx:
        if history.last(tx, name) is None:
            raise NotFound(f"there never was an endpoint {name!r}", endpoint=name)
        if at_ms is None:
            return history.newest(tx, name, max(1, min(limit, MAX_LISTED)))
        held = history.held_at(tx, name, at_ms)
        return [held] if held is not None and held.endpoint is not None else []
