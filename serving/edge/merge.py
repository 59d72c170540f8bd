"""Which routing table to apply: the one that came, and what it neither names nor buries of the one applied. Pure."""

from msgspec.structs import replace

from serving.wire.routing import Backend, RoutingTable, TombstoneKind


def merge(applied: RoutingTable, incoming: RoutingTable) -> RoutingTable:
    """Return the table to apply; ``applied`` itself when ``incoming`` is not newer.

    An endpoint, deployment, backend or server that is merely missing stays; only a tombstone removes it.
    """
    if incoming.generation <= applied.generation:
        return applied
    buried = {(tombstone.kind, tombstone.name) for tombstone in incoming.tombstones}
    endpoints = {e.name: e for e in applied.endpoints if (TombstoneKind.ENDPOINT, e.name) not in buried}
    for endpoint in incoming.endpoints:
        known = {d.name: d for d in endpoint.deployments}
        before = endpoints.get(endpoint.name)
        for deployment in before.deployments if before else []:
            if (TombstoneKind.DEPLOYMENT, f"{endpoint.name}/{deployment.name}") not in buried:
                known.setdefault(deployment.name, deployment)
        endpoints[endpoint.name] = replace(endpoint, deployments=[known[name] for name in sorted(known)])
    backends = {b.name: b for b in applied.backends if (TombstoneKind.BACKEND, b.name) not in buried}
    for backend in incoming.backends:
        backends[backend.name] = _merge_servers(backends.get(backend.name), backend, buried)
    return replace(
        incoming,
        endpoints=[endpoints[name] for name in sorted(endpoints)],
        backends=[backends[name] for name in sorted(backends)],
    )


def _merge_servers(before: Backend | None, backend: Backend, buried: set[tuple[TombstoneKind, str]]) -> Backend:
    servers = {server.id: server for server in backend.servers}
    for server in before.servers if before else []:
        if (TombstoneKind.SERVER, f"{backend.name}/{server.id}") not in buried:
            servers.setdefault(server.id, server)
    return replace(backend, servers=[servers[name] for name in sorted(servers)])
