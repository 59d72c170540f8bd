"""Endpoints: make, change, split traffic, delete."""

from collections.abc import Collection

import msgspec
from msgspec.structs import replace

from registry.core.deploying.documents import EndpointDocument, as_text
from registry.core.deploying.endpoints import (
    AuthMode,
    Deployment,
    Endpoint,
    check_live,
)
from registry.core.deploying.fields import ENDPOINT_FIELDS, stored_endpoint, written_in
from registry.core.deploying.history import RELEASED, ChangeKind
from registry.core.deploying.keys import KeyHash
from registry.core.deploying.plans import Plan, plan_fields
from registry.core.deploying.split import lay_out
from registry.core.deploying.traffic import check_mirror_traffic, check_traffic, split_text
from registry.core.deploying.traffic_keys import MAX_TRAFFIC_SOURCES
from registry.core.errors import Conflict, InvalidInput, NotFound, WrongState
from registry.core.names import check_name
from registry.core.rest import EndpointAnswer
from registry.core.security.access import Role
from registry.operations.deploying.desired import WANTED
from registry.operations.deploying.document_keys import keys_of_document
from registry.operations.deploying.history import note_within
from registry.operations.deploying.revisions import give_up_starting_within
from registry.operations.deploying.token_key import ensure_token_key
from registry.operations.deploying.undo import give_up_undo_within
from registry.operations.security.caller import caller
from registry.operations.workspace import Workspace
from registry.store import counters
from registry.store.deploying import deployments, endpoints
from registry.store.metadata import Connection


def put_endpoint(
    workspace: Workspace, name: str, document: EndpointDocument, exists: bool | None = None
) -> EndpointAnswer:
    """Make an endpoint, or change it. Only this answer holds the keys in the clear that it makes: two for a new one.

    ``exists`` says what must hold before: False makes a new one only, True changes one only, None does either.

    Raises:
        InvalidInput: the name is not legal or not the document's; traffic, or what is mirrored, goes to a deployment
            that does not exist; a key's rules are not legal.
        Forbidden: the document changes the keys of an endpoint that is there, and who asks is no owner.
        Conflict: it exists and must not, or in other letter case; traffic or copies go to a deployment that is not
            live; too many sources of traffic keys are in use.
        NotFound: it does not exist and must.
        Unavailable: it takes tokens, and the vault cannot be used.
    """
    if document.auth_mode is AuthMode.AML_TOKEN:
        ensure_token_key(workspace)
    with workspace.metadata.write() as tx:
        before = _before(tx, name, document, exists)
        keys, made = keys_of_document(document, before, workspace.new_key)
        if before is not None and keys != before.keys:
            caller().check_may(Role.OWNER)
        endpoint = _decided(tx, name, document, before, keys, workspace.now_ms())
        if before is None:
            endpoint = replace(endpoint, salt=workspace.new_id())
        store_within(tx, endpoint)
        _note_document(tx, workspace, before, endpoint)
    workspace.signal.notify()
    changes = _plan(endpoint, before, document, written_in(document)).changes
    return EndpointAnswer(endpoint=endpoint, keys=made or None, changes=changes)


def plan_endpoint(
    workspace: Workspace, name: str, document: EndpointDocument, written: Collection[str], exists: bool | None = None
) -> Plan:
    """Say what ``put_endpoint`` would do, and do nothing. ``written`` are the paths that the file holds.

    Raises: as ``put_endpoint``.
    """
    with workspace.metadata.read() as tx:
        before = _before(tx, name, document, exists)
        keys, _ = keys_of_document(document, before, workspace.new_key)
        return _plan(_decided(tx, name, document, before, keys, workspace.now_ms()), before, document, written)


def _before(tx: Connection, name: str, document: EndpointDocument, exists: bool | None) -> Endpoint | None:
    check_name("endpoint", name)
    if document.name is not None and document.name != name:
        raise InvalidInput(f"$.name: the document says {document.name!r}, the address {name!r}", path="$.name")
    before = endpoints.find(tx, name)
    if before is not None and before.name != name:
        raise Conflict(f"endpoint {name!r} exists as {before.name!r}: case makes no difference", name=before.name)
    _check_presence(name, before, exists)
    return before


def _decided(
    tx: Connection, name: str, document: EndpointDocument, before: Endpoint | None, keys: list[KeyHash], now_ms: int
) -> Endpoint:
    """Return the endpoint as it will be; a new one has no salt yet."""
    _check_traffic_key(tx, name, document)
    traffic = _traffic(tx, name, document, before)
    ttl_s, expires_ms = lifetime(before, document.ttl_s, now_ms)
    return Endpoint(
        name=name,
        description=document.description,
        tags=as_text(document.tags, "$.tags"),
        auth_mode=document.auth_mode,
        keys=keys,
        traffic=traffic,
        intervals=lay_out(before.intervals if before else [], traffic),
        traffic_key=document.traffic_key,
        salt=before.salt if before else "",
        mirror_traffic=_mirrors_after(tx, name, document, before, traffic),
        properties=document.properties,
        location=document.location,
        created_ms=before.created_ms if before else now_ms,
        updated_ms=now_ms,
        ttl_s=ttl_s,
        expires_ms=expires_ms,
    )


def _plan(after: Endpoint, before: Endpoint | None, document: EndpointDocument, written: Collection[str]) -> Plan:
    file, now = msgspec.to_builtins(document), None if before is None else stored_endpoint(before)
    fields = plan_fields(ENDPOINT_FIELDS, file, stored_endpoint(after), now, written)
    return Plan.of(after.name, fields, exists=before is not None)


def _check_traffic_key(tx: Connection, name: str, document: EndpointDocument) -> None:
    if document.traffic_key is None:
        return
    others = {e.traffic_key.source for e in endpoints.all_endpoints(tx) if e.traffic_key and e.name != name}
    if len(others | {document.traffic_key.source}) > MAX_TRAFFIC_SOURCES:
        raise Conflict(
            f"$.traffic_key: the workspace uses {MAX_TRAFFIC_SOURCES} different sources of traffic keys, and no more "
            f"are possible: take one of {', '.join(sorted(others))}",
            path="$.traffic_key",
        )


def set_traffic(workspace: Workspace, name: str, traffic: dict[str, float]) -> Endpoint:
    """Replace the split. One without a positive weight takes all traffic away.

    Raises:
        NotFound: no such endpoint.
        InvalidInput: the split is not one (see ``check_traffic``).
        Conflict: traffic goes to a deployment that is not live, where nobody would answer it.
    """
    with workspace.metadata.write() as tx:
        before = get_within(tx, name)
        split = checked_split(tx, before.name, traffic)
        intervals = lay_out(before.intervals, split)
        endpoint = replace(before, traffic=split, intervals=intervals, updated_ms=workspace.now_ms())
        store_within(tx, endpoint)
        give_up_undo_within(tx, workspace, name, "the traffic was given to others")
        note_within(tx, workspace, name, ChangeKind.TRAFFIC, _moved(before, endpoint))
    workspace.signal.notify()
    return endpoint


def set_mirror_traffic(workspace: Workspace, name: str, mirror_traffic: dict[str, float]) -> Endpoint:
    """Replace what is mirrored. A deployment without a positive share gets no copies.

    Raises:
        NotFound: no such endpoint.
        InvalidInput: it cannot be (see ``check_mirror_traffic``).
        Conflict: copies go to a deployment that is not live.
    """
    with workspace.metadata.write() as tx:
        before = get_within(tx, name)
        mirrors = _mirrors(tx, before.name, mirror_traffic, before.traffic)
        endpoint = replace(before, mirror_traffic=mirrors, updated_ms=workspace.now_ms())
        store_within(tx, endpoint)
        copied = ", ".join(f"{target} {percent:g} %" for target, percent in sorted(mirrors.items())) or "nothing"
        note_within(tx, workspace, name, ChangeKind.MIRROR, f"mirrored: {copied}")
    workspace.signal.notify()
    return endpoint


def get_endpoint(workspace: Workspace, name: str) -> Endpoint:
    """Return one endpoint. Raises NotFound."""
    with workspace.metadata.read() as tx:
        return get_within(tx, name)


def list_endpoints(workspace: Workspace) -> list[Endpoint]:
    """Return every endpoint, by name."""
    with workspace.metadata.read() as tx:
        return endpoints.all_endpoints(tx)


def delete_endpoint(workspace: Workspace, name: str, *, live_too: bool = False) -> None:
    """Delete an endpoint with its keys and deployments; one that is in use only if ``live_too`` says so.

    Raises:
        NotFound: no such endpoint.
        WrongState: a deployment is live or starting; the message names it and its traffic.
    """
    with workspace.metadata.write() as tx:
        endpoint = get_within(tx, name)
        if not live_too:
            _check_unused(endpoint, deployments.of_endpoint(tx, endpoint.name))
        delete_within(tx, workspace, endpoint, ChangeKind.DELETE, "the endpoint was deleted")
    workspace.signal.notify()


def _note_document(tx: Connection, workspace: Workspace, before: Endpoint | None, after: Endpoint) -> None:
    if before is None:
        note_within(tx, workspace, after.name, ChangeKind.CREATE, "the endpoint was created")
        return
    if any(getattr(before, name) != getattr(after, name) for name in RELEASED):
        give_up_undo_within(tx, workspace, after.name, "the endpoint was changed")
    fields = [name for name in Endpoint.__struct_fields__ if name != "updated_ms"]
    changed = [name for name in fields if getattr(before, name) != getattr(after, name)]
    message = _moved(before, after) if changed == ["traffic"] else f"changed: {', '.join(changed)}"
    note_within(tx, workspace, after.name, ChangeKind.UPDATE, message)


def _moved(before: Endpoint, after: Endpoint) -> str:
    return f"traffic {split_text(after.traffic)}, before {split_text(before.traffic)}"


def set_ttl(workspace: Workspace, name: str, ttl_s: int | None) -> Endpoint:
    """Let an endpoint be deleted by itself in ``ttl_s`` seconds from now; with None it stays. Raises NotFound."""
    with workspace.metadata.write() as tx:
        before, now_ms = get_within(tx, name), workspace.now_ms()
        expires_ms = None if ttl_s is None else now_ms + ttl_s * 1000
        endpoint = replace(before, ttl_s=ttl_s, expires_ms=expires_ms, updated_ms=now_ms)
        store_within(tx, endpoint)
        _note_document(tx, workspace, before, endpoint)
    workspace.signal.notify()
    return endpoint


def lifetime(before: Endpoint | Deployment | None, ttl_s: int | None, now_ms: int) -> tuple[int | None, int | None]:
    """Return ``ttl_s`` and ``expires_ms`` of what has a document: from now on what it says, else what was."""
    if ttl_s is not None:
        return ttl_s, now_ms + ttl_s * 1000
    return (before.ttl_s, before.expires_ms) if before else (None, None)


def delete_within(tx: Connection, workspace: Workspace, endpoint: Endpoint, kind: ChangeKind, message: str) -> None:
    """Delete an endpoint with all that it has, inside the caller's transaction; the caller notifies."""
    give_up_undo_within(tx, workspace, endpoint.name, message)
    for deployment in deployments.of_endpoint(tx, endpoint.name):
        give_up_starting_within(tx, workspace, deployment, message)
    endpoints.delete(tx, endpoint.name)
    note_within(tx, workspace, endpoint.name, kind, message)
    counters.increment(tx, counters.DESIRED_STATE)


def get_within(tx: Connection, name: str) -> Endpoint:
    """Return one endpoint inside the caller's transaction. Raises NotFound."""
    endpoint = endpoints.find(tx, name)
    if endpoint is None:
        raise NotFound(f"there is no endpoint {name!r}", endpoint=name)
    return endpoint


def store_within(tx: Connection, endpoint: Endpoint) -> None:
    """Store a changed endpoint inside the caller's transaction; the controller is told with its end."""
    endpoints.put(tx, endpoint)
    counters.increment(tx, counters.DESIRED_STATE)


def _traffic(tx: Connection, name: str, document: EndpointDocument, before: Endpoint | None) -> dict[str, float]:
    if document.traffic is None:
        return before.traffic if before else {}
    return checked_split(tx, name, document.traffic)


def checked_split(tx: Connection, endpoint: str, traffic: dict[str, float]) -> dict[str, float]:
    """Return the positive weights of a split that the endpoint can have. Raises as ``set_traffic``."""
    known = {deployment.name: deployment for deployment in deployments.of_endpoint(tx, endpoint)}
    split = check_traffic(traffic, known.keys())
    for name in split:
        check_live(known[name])
    return split


def _mirrors_after(
    tx: Connection, name: str, document: EndpointDocument, before: Endpoint | None, traffic: dict[str, float]
) -> dict[str, float]:
    if document.mirror_traffic is None:
        return before.mirror_traffic if before else {}
    return _mirrors(tx, name, document.mirror_traffic, traffic)


def _mirrors(
    tx: Connection, endpoint: str, mirror_traffic: dict[str, float], traffic: dict[str, float]
) -> dict[str, float]:
    known = {deployment.name: deployment for deployment in deployments.of_endpoint(tx, endpoint)}
    mirrors = check_mirror_traffic(mirror_traffic, traffic, known.keys())
    for name in mirrors:
        check_live(known[name])
    return mirrors


def _check_presence(name: str, before: Endpoint | None, exists: bool | None) -> None:
    if exists is False and before is not None:
        raise Conflict(
            f"endpoint {name!r} exists already: change it with `slipway endpoint update -f`, "
            f"or replace a key with `slipway endpoint regenerate-key {name}`",
            endpoint=name,
        )
    if exists is True and before is None:
        raise NotFound(f"there is no endpoint {name!r}", endpoint=name)


def _check_unused(endpoint: Endpoint, held: list[Deployment]) -> None:
    used = [
        f"{one.name} revision {revision.number} is {revision.state} "
        f"with {endpoint.traffic.get(one.name, 0):g} % of the traffic"
        for one in held
        for revision in one.revisions
        if revision.state in WANTED
    ]
    if used:
        raise WrongState(
            f"endpoint {endpoint.name!r} is in use: {', '.join(used)}. `slipway endpoint delete {endpoint.name} --yes` "
            "(?live_too=true) deletes it nevertheless, and its keys, which cannot be had again",
            endpoint=endpoint.name,
            traffic=endpoint.traffic,
        )
