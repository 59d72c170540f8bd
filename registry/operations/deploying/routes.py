"""Where the keys of an endpoint's clients lead, now or under a split that is only planned."""

from registry.core.deploying.routes import MAX_KEYS, KeysToRoute, RoutedKeys, route_keys, source_of
from registry.core.deploying.split import among, lay_out, moved_share
from registry.core.errors import InvalidInput
from registry.operations.deploying.endpoints import checked_split, get_within
from registry.operations.workspace import Workspace
from registry.store.deploying import deployments


def route(workspace: Workspace, name: str, asked: KeysToRoute) -> RoutedKeys:
    """Return the way of each key, in the order in which they were asked for.

    Raises:
        NotFound: no such endpoint.
        WrongState: its split is random.
        InvalidInput: too many keys at once; the split to try is none (see ``check_traffic``).
        Conflict: it gives traffic to a deployment that is not live.
    """
    if len(asked.keys) > MAX_KEYS:
        raise InvalidInput(f"$.keys: {len(asked.keys)} keys: ask for at most {MAX_KEYS} at once", path="$.keys")
    with workspace.metadata.read() as tx:
        endpoint = get_within(tx, name)
        source = source_of(endpoint)
        traffic = endpoint.traffic if asked.traffic is None else checked_split(tx, endpoint.name, asked.traffic)
        revisions = {d.name: d.live.number for d in deployments.of_endpoint(tx, endpoint.name) if d.live is not None}
    laid = endpoint.intervals if asked.traffic is None else lay_out(endpoint.intervals, traffic)
    routes = route_keys(endpoint, among(laid, traffic, revisions), revisions, asked.keys)
    return RoutedKeys(source=source, moved_percent=moved_share(endpoint.intervals, laid), routes=routes)
