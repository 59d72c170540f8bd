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
    routes_before = {endpoint.name.lower(): endpoint for endpoint in applied.endpoints}
    endpoints = {
        name: replace(endpoint, deployments=[])
        for name, endpoint in routes_before.items()
        if (TombstoneKind.ENDPOINT, endpoint.name) not in buried
    }
    endpoints |= {endpoint.name.lower(): endpoint for endpoint in new.endpoints}
    servers_before = {backend.name: backend for backend in applied.backends}
    backends = {
        name: replace(backend, servers=[])
        for name, backend in servers_before.items()
        if (TombstoneKind.BACKEND, name) not in buried
    }
    backends |= {backend.name: backend for backend in new.backends}
    return RoutingTable(
        generation=new.generation,
        endpoints=[_merge_routes(routes_before.get(name), endpoints[name], buried) for name in sorted(endpoints)],
        backends=[_merge_servers(servers_before.get(name), backends[name], buried) for name in sorted(backends)],
        tombstones=new.tombstones,
        token_key=new.token_key or applied.token_key,
    )


def _merge_routes(before: EndpointRoute | None, endpoint: EndpointRoute, buried: Buried) -> EndpointRoute:
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
