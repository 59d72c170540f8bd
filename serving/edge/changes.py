"""From one routing table to the next: commands for the running HAProxy, or the need of a reload. Pure."""

import msgspec
from msgspec.structs import replace

from serving.edge.config import grpc_server, http_server, shape_of
from serving.edge.maps import Maps, maps_of
from serving.edge.names import checked
from serving.wire.routing import Backend, RoutingTable, Server, ServerState


class Command(msgspec.Struct, frozen=True):
    """``accepted`` are the answers that mean it is done."""

    text: str
    accepted: tuple[str, ...] = ("",)


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """``commands`` in their order; ``removed`` are ``backend/server`` to delete once they are idle."""

    reload: bool
    commands: list[Command]
    removed: list[str]


def changes_between(before: RoutingTable, after: RoutingTable) -> Changes:
    """Return how a HAProxy that runs ``before`` comes to run ``after``.

    New servers come first, then the maps that may point to them, then what goes: at no moment does a map name
    something that is not there. A backend that goes is only emptied; the next reload forgets it.

    Raises:
        UnsafeValue: a name or address could be read as a command.
    """
    if not shape_of(before).covers(shape_of(after)):
        return Changes(reload=True, commands=[], removed=[])
    old = {backend.name: backend for backend in before.backends}
    arriving: list[Command] = []
    leaving: list[Command] = []
    removed: list[str] = []
    for backend in after.backends:
        known = {server.id: server for server in old[backend.name].servers}
        for server in backend.servers:
            if server.id not in known:
                arriving += _add(backend, server)
            elif known[server.id].state is not server.state:
                leaving += _set_state(backend.name, server)
    for backend in before.backends:
        kept = {server.id for one in after.backends if one.name == backend.name for server in one.servers}
        for server in backend.servers:
            if server.id not in kept:
                leaving += _set_state(backend.name, replace(server, state=ServerState.DRAINING))
                removed += [f"{backend.name}/{server.id}", f"{backend.name}.grpc/{server.id}"]
    maps = _map_commands(maps_of(before), maps_of(after))
    return Changes(reload=False, commands=arriving + maps + leaving, removed=removed)


def _add(backend: Backend, server: Server) -> list[Command]:
    """Add a replica's two servers; one that is draining already was never rendered and is not added."""
    if server.state is not ServerState.READY:
        return []
    commands = []
    for name, arguments in (
        (backend.name, http_server(backend, server)),
        (f"{backend.name}.grpc", grpc_server(backend, server)),
    ):
        target = f"{name}/{server.id}"
        commands += [
            Command(f"add server {name}/{arguments}", ("New server registered.",)),
            Command(f"enable health {target}"),
            Command(f"enable server {target}"),
        ]
    return commands


def _set_state(backend: str, server: Server) -> list[Command]:
    state = "ready" if server.state is ServerState.READY else "drain"
    identity = checked("server", server.id)
    return [Command(f"set server {name}/{identity} state {state}") for name in (backend, f"{backend}.grpc")]


def _map_commands(before: Maps, after: Maps) -> list[Command]:
    """Return additions and changes, then deletions."""
    commands = []
    for name, entries in after.items():
        for key, value in sorted(entries.items()):
            verb = "add" if key not in before[name] else "set"
            if before[name].get(key) != value:
                commands.append(Command(f"{verb} map {name} {checked('map key', key)} {checked('map value', value)}"))
    for name, entries in before.items():
        commands += [Command(f"del map {name} {key}") for key in sorted(entries.keys() - after[name].keys())]
    return commands
