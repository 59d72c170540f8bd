"""What of a routing table can be written down for HAProxy: one bad name must not hold up everybody's routes. Pure."""

from msgspec.structs import replace

from serving.edge.config import grpc_server, http_server, shape_of
from serving.edge.errors import UnsafeValue
from serving.edge.maps import maps_of
from serving.wire.routing import Backend, EndpointRoute, RoutingTable


def sound_part(table: RoutingTable) -> tuple[RoutingTable, list[str]]:
    """Return the table without the endpoints and backends that hold an unsafe value, and a line about each.

    What is left out stays as it was: only a tombstone removes.
    """
    faults: list[str] = []
    endpoints = [endpoint for endpoint in table.endpoints if _is_sound(endpoint, faults)]
    backends = [backend for backend in table.backends if _is_sound(backend, faults)]
    return (replace(table, endpoints=endpoints, backends=backends), faults) if faults else (table, faults)


def _is_sound(one: EndpointRoute | Backend, faults: list[str]) -> bool:
    try:
        if isinstance(one, EndpointRoute):
            maps_of(RoutingTable(generation=0, endpoints=[one]))
        else:
            shape_of(RoutingTable(generation=0, backends=[one]))
            for server in one.servers:
                http_server(one, server)
                grpc_server(one, server)
    except UnsafeValue as error:
        faults.append(f"{one.name}: {error}")
        return False
    return True
