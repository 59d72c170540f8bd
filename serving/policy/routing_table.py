"""The next routing table, from what is desired, what replicas say and the table before. Pure."""

from collections.abc import Iterable

import msgspec

from registry.core.deploying.desired import DesiredDeployment, DesiredEndpoint, DesiredRevision, DesiredState
from registry.core.deploying.endpoints import RevisionState
from registry.core.deploying.probes import HealthChecks
from registry.core.deploying.split import among
from registry.core.deploying.workers import share
from serving.policy.mirrors import mirrors_of
from serving.wire.replica import ReplicaReport, ReplicaState
from serving.wire.routing import (
    Backend,
    DeploymentRoute,
    EndpointRoute,
    RoutingTable,
    Server,
    ServerState,
    Sticky,
    Tombstone,
    TombstoneKind,
    backend_name,
)

# The newest of each; those of endpoints and deployments go, too, when the name is used again. An edge that was away for
# longer keeps a route to replicas that are no more.
KEPT_SERVER_TOMBSTONES = 500
KEPT_NAME_TOMBSTONES = 5_000

_ROUTABLE = {ReplicaState.READY: ServerState.READY, ReplicaState.DRAINING: ServerState.DRAINING}


def next_table(previous: RoutingTable, desired: DesiredState, replicas: Iterable[ReplicaReport]) -> RoutingTable:
    """Build the table that follows ``previous``; its very object when nothing changed.

    Whatever stood in ``previous`` and stands no longer gets a tombstone; what stands again loses its own.
    """
    endpoints = [_endpoint_route(endpoint) for endpoint in sorted(desired.endpoints, key=lambda e: e.name.lower())]
    backends = _backends(desired, list(replicas))
    generation = previous.generation + 1
    standing = _names(endpoints, backends)
    buried = {(t.kind, t.name): t for t in previous.tombstones if (t.kind, t.name) not in standing}
    for kind, name in sorted(_names(previous.endpoints, previous.backends) - standing):
        buried[kind, name] = Tombstone(kind=kind, name=name, generation=generation)
    table = RoutingTable(
        generation=generation,
        endpoints=endpoints,
        backends=backends,
        tombstones=_prune(list(buried.values())),
        token_key=desired.token_key,
    )
    return previous if _same_content(previous, table) else table


def _endpoint_route(endpoint: DesiredEndpoint) -> EndpointRoute:
    routes = [
        DeploymentRoute(
            name=deployment.name,
            backend=backend_name(endpoint.name, deployment.name, live.number),
            model_versions=sorted({str(version) for version in live.models.values()}),
        )
        for deployment in sorted(endpoint.deployments, key=lambda d: d.name)
        if (live := _live(deployment)) is not None
    ]
    reachable = {route.name for route in routes}
    return EndpointRoute(
        name=endpoint.name,
        keys=sorted(endpoint.keys, key=lambda key: key.name),
        auth_mode=endpoint.auth_mode,
        # A share whose deployment is not live goes to the others, not to nobody.
        intervals=among(endpoint.intervals, endpoint.traffic, reachable),
        mirrors=mirrors_of({name: percent for name, percent in endpoint.mirror_traffic.items() if name in reachable}),
        sticky=Sticky(source=endpoint.traffic_key.source, salt=endpoint.salt) if endpoint.traffic_key else None,
        deployments=routes,
    )


def _live(deployment: DesiredDeployment) -> DesiredRevision | None:
    return next((r for r in deployment.revisions if r.state is RevisionState.LIVE), None)


def _backends(desired: DesiredState, replicas: list[ReplicaReport]) -> list[Backend]:
    """Backends of every desired revision, starting ones too, so that the edge has loaded them before traffic comes."""
    backends = [
        _backend(backend_name(endpoint.name, deployment.name, revision.number), revision, replicas)
        for endpoint in desired.endpoints
        for deployment in endpoint.deployments
        for revision in deployment.revisions
    ]
    return sorted(backends, key=lambda backend: backend.name)


def _backend(name: str, revision: DesiredRevision, replicas: list[ReplicaReport]) -> Backend:
    servers = [
        Server(
            id=report.replica,
            http_address=report.http_address,
            grpc_address=report.grpc_address,
            state=_ROUTABLE[report.state],
        )
        for report in replicas
        if report.state in _ROUTABLE and backend_name(report.endpoint, report.deployment, report.revision) == name
    ]
    return Backend(
        name=name,
        servers=sorted(servers, key=lambda server: server.id),
        request_timeout_ms=revision.request_settings.request_timeout_ms,
        max_connections_per_server=2 * share(revision.request_settings.concurrency, revision.worker_count),
        retry=revision.retry,
        checks=HealthChecks.of(revision.readiness_probe),
    )


def _names(endpoints: list[EndpointRoute], backends: list[Backend]) -> set[tuple[TombstoneKind, str]]:
    return (
        {(TombstoneKind.ENDPOINT, endpoint.name) for endpoint in endpoints}
        | {(TombstoneKind.DEPLOYMENT, f"{e.name}/{d.name}") for e in endpoints for d in e.deployments}
        | {(TombstoneKind.BACKEND, backend.name) for backend in backends}
        | {(TombstoneKind.SERVER, f"{backend.name}/{s.id}") for backend in backends for s in backend.servers}
    )


def _prune(tombstones: list[Tombstone]) -> list[Tombstone]:
    newest = sorted(tombstones, key=lambda t: t.generation, reverse=True)
    names = [t for t in newest if t.kind in (TombstoneKind.ENDPOINT, TombstoneKind.DEPLOYMENT)]
    servers = [t for t in newest if t.kind in (TombstoneKind.BACKEND, TombstoneKind.SERVER)]
    kept = names[:KEPT_NAME_TOMBSTONES] + servers[:KEPT_SERVER_TOMBSTONES]
    return sorted(kept, key=lambda t: (t.kind, t.name))


def _same_content(one: RoutingTable, other: RoutingTable) -> bool:
    return msgspec.structs.replace(one, generation=0) == msgspec.structs.replace(other, generation=0)
