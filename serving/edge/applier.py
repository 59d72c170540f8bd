"""What makes a running HAProxy hold another table: commands to its admin socket, or a reload. Pure."""

import msgspec

from serving.edge.config import ConfigShape, grpc_server, http_server, shape_of
from serving.edge.maps import MAP_NAMES, Maps, maps_of
from serving.edge.names import checked
from serving.wire.routing import Backend, RoutingTable, Server, ServerState

MOST_COMMANDS = 500  # more than that, and a reload is quicker

# Entries are added from what is pointed to towards what points there, and removed the other way round.
_ORDER = (
    MAP_NAMES.deployments,
    MAP_NAMES.versions,
    MAP_NAMES.sources,
    MAP_NAMES.scopes,
    MAP_NAMES.mirrors,
    MAP_NAMES.splits,
    MAP_NAMES.keys,
    MAP_NAMES.endpoints,
)


class Plan(msgspec.Struct, frozen=True):
    """Either ``reload``, or ``commands`` in order. ``leaving`` are ``backend/server`` to delete once they are idle."""

    reload: bool
    commands: list[str] = []
    leaving: list[str] = []


def plan(loaded: ConfigShape, applied: RoutingTable, table: RoutingTable) -> Plan:
    """Plan the way from ``applied`` to ``table`` for a process that has loaded a configuration of shape ``loaded``.

    Raises:
        UnsafeValue: a value of ``table`` matches no pattern; nothing of it may be applied.
    """
    if not loaded.covers(shape_of(table)):
        return Plan(reload=True)
    commands: list[str] = []
    leaving: list[str] = []
    before = {backend.name: backend for backend in applied.backends}
    for backend in table.backends:
        for server in backend.servers:
            old = _find(before.get(backend.name), server.id)
            if old is not None and (old.http_address, old.grpc_address) != (server.http_address, server.grpc_address):
                return Plan(reload=True)
            commands += _server_commands(backend, server, old)
    commands += _map_commands(maps_of(applied), maps_of(table))
    after = {backend.name: backend for backend in table.backends}
    for old_backend in applied.backends:
        for old in old_backend.servers:
            if _find(after.get(old_backend.name), old.id) is None:
                leaving += [f"{old_backend.name}/{old.id}", f"{old_backend.name}.grpc/{old.id}"]
    commands += [f"set server {name} state drain" for name in leaving]
    if len(commands) > MOST_COMMANDS:
        return Plan(reload=True)
    return Plan(reload=False, commands=commands, leaving=leaving)


def _find(backend: Backend | None, server: str) -> Server | None:
    return next((s for s in backend.servers if s.id == server), None) if backend else None


def _server_commands(backend: Backend, server: Server, old: Server | None) -> list[str]:
    names = [f"{backend.name}/{checked('server', server.id)}", f"{backend.name}.grpc/{server.id}"]
    if old is not None:
        if old.state is server.state:
            return []
        state = "ready" if server.state is ServerState.READY else "drain"
        return [f"set server {name} state {state}" for name in names]
    if server.state is not ServerState.READY:
        return []  # never offered, so there is nothing to take back
    definitions = [http_server(backend, server), grpc_server(backend, server)]
    commands = []
    for name, definition in zip(names, definitions, strict=True):
        arguments = definition.partition(" ")[2]
        commands += [f"add server {name} {arguments}", f"enable health {name}", f"enable server {name}"]
    return commands


def _map_commands(before: Maps, after: Maps) -> list[str]:
    commands = []
    for name in _ORDER:
        for key, value in sorted(after[name].items()):
            if before[name].get(key) != value:
                verb = "set" if key in before[name] else "add"
                commands.append(f"{verb} map {name} {checked('map key', key)} {checked('map value', value)}")
    for name in reversed(_ORDER):
        gone = sorted(before[name].keys() - after[name].keys())
        commands += [f"del map {name} {checked('map key', key)}" for key in gone]
    return commands
