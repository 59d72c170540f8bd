"""Which table holds after a new one has come. Pure.

What is merely missing from the new table stays: an empty or shortened one, by whatever fault, must not take replicas
away. Only a tombstone removes.
"""

from msgspec.structs import replace

from serving.wire.routing import Backend, EndpointRoute, RoutingTable, TombstoneKind

Buried = set[tuple[TombstoneKind, str]]


def merge(applied: RoutingTable, new: RoutingTable) -> RoutingTable:
    """Return the table that holds: ``applied`` itself when ``new`` is not newer."""
    if new.generation <= applied.generation:
        return applied
    buried = {(tombstone.kind, tombstone.name) for tombstone in new.tombstones}
    endpoints = {e.name.lower(): e for e in applied.endpoints if (TombstoneKind.ENDPOINT, e.name) not in buried}
    for endpoint in new.endpoints:
        endpoints[endpoint.name.lower()] = _merge_endpoint(endpoints.get(endpoint.name.lower()), endpoint, buried)
    backends = {b.name: b for b in applied.backends if (TombstoneKind.BACKEND, b.name) not in buried}
    for backend in new.backends:
        backends[backend.name] = backend
    standing = {backend.name: backend for backend in applied.backends}
    return RoutingTable(
        generation=new.generation,
        endpoints=[endpoints[name] for name in sorted(endpoints)],
        backends=[_merge_servers(standing.get(name), backends[name], buried) for name in sorted(backends)],
        tombstones=new.tombstones,
    )


def _merge_endpoint(before: EndpointRoute | None, endpoint: EndpointRoute, buried: Buried) -> EndpointRoute:
    routes = {route.name: route for route in endpoint.deployments}
    for route in before.deployments if before else []:
        if (TombstoneKind.DEPLOYMENT, f"{endpoint.name}/{route.name}") not in buried:
            routes.setdefault(route.name, route)
    return replace(endpoint, deployments=[routes[name] for name in sorted(routes)])


def _merge_servers(before: Backend | None, backend: Backend, buried: Buried) -> Backend:
    servers = {server.id: server for server in backend.servers}
    for server in before.servers if before else []:
        if server.id in servers:
            continue
        if (TombstoneKind.SERVER, f"{backend.name}/{server.id}") not in buried:
            servers[server.id] = server
    return replace(backend, servers=[servers[name] for name in sorted(servers)])
