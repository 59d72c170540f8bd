"""The map files of the edge: what HAProxy looks up for each request. Pure.

::

    endpoints     cancer                  -> Cancer                         (its name as written)
    keys          <SHA256 HEX>/cancer     -> primary                        (or with rules, see ``key_value``)
                  <its beginning>/cancer  -> primary                        (the claim ``key`` of the endpoint's tokens)
    splits        cancer                  -> 9000,blue,10000,green          (bucket < bound; at most 8 intervals)
                  cancer/partner          -> 10000,blue                     (of a key that reaches only these)
    scopes        cancer/partner.blue     -> Blue                           (what such a key reaches)
    deployments   cancer/blue             -> Blue,cancer.blue.1,64          (its name as written, its live backend, how
                                                                             many of a key's requests a server takes)
    versions      cancer/3                -> Blue,cancer.blue.1,64          (the deployment that serves model version 3)
    sources       cancer                  -> x-user-id                      (header whose hash is the bucket)
    mirrors       cancer                  -> 10000,green,500,red            (chance < bound: it gets a copy)

Keys are in lower case but for hashes, which are as HAProxy writes them, and model versions; every key and value
matches a pattern of ``names``.
"""

from collections.abc import Sequence

import msgspec

from registry.core.deploying.access_tokens import key_id
from registry.core.deploying.endpoints import AuthMode
from registry.core.deploying.keys import LAST_MS, KeyHash, KeyRules
from registry.core.deploying.split import MAX_INTERVALS, Interval, within
from registry.core.deploying.traffic import MAX_MIRRORS
from registry.core.deploying.traffic_keys import MAX_TRAFFIC_SOURCES
from serving.edge.names import checked
from serving.wire.routing import DeploymentRoute, EndpointRoute, RoutingTable

Maps = dict[str, dict[str, str]]  # map name → key → value


class MapNames(msgspec.Struct, frozen=True):
    """File names relative to HAProxy's working folder, which are also their names at the admin socket."""

    endpoints: str = "maps/endpoints.map"
    keys: str = "maps/keys.map"
    splits: str = "maps/splits.map"
    scopes: str = "maps/scopes.map"
    deployments: str = "maps/deployments.map"
    versions: str = "maps/versions.map"
    sources: str = "maps/sources.map"
    mirrors: str = "maps/mirrors.map"


MAP_NAMES = MapNames()


def traffic_sources(table: RoutingTable) -> list[str]:
    """Return the distinct sources of traffic keys, sorted; of too many the first ones."""
    return sorted({checked("source", e.sticky.source) for e in table.endpoints if e.sticky})[:MAX_TRAFFIC_SOURCES]


def maps_of(table: RoutingTable) -> Maps:
    """Return the content of every map file.

    Raises:
        UnsafeValue: a name or digest in the table matches no pattern.
    """
    maps: Maps = {name: {} for name in msgspec.structs.astuple(MAP_NAMES)}
    known_sources = set(traffic_sources(table))
    room = {backend.name: backend.max_connections_per_server for backend in table.backends}
    for endpoint in table.endpoints:
        name = checked("endpoint", endpoint.name).lower()
        maps[MAP_NAMES.endpoints][name] = endpoint.name
        for key in endpoint.keys:
            _add_key(maps, endpoint, key)
        if endpoint.intervals:
            maps[MAP_NAMES.splits][name] = _intervals(endpoint.intervals)
        if endpoint.mirrors:
            maps[MAP_NAMES.mirrors][name] = _intervals(endpoint.mirrors[:MAX_MIRRORS])
        if endpoint.sticky and endpoint.sticky.source in known_sources:
            maps[MAP_NAMES.sources][name] = f"{endpoint.sticky.source},{checked('salt', endpoint.sticky.salt)}"
        for route in endpoint.deployments:
            maps[MAP_NAMES.deployments][f"{name}/{route.name.lower()}"] = _route(route, room)
        for route in sorted(endpoint.deployments, key=lambda r: (-_share(endpoint, r.name), r.name), reverse=True):
            for version in route.model_versions:
                maps[MAP_NAMES.versions][f"{name}/{checked('version', version)}"] = _route(route, room)
    return maps


def map_text(entries: dict[str, str]) -> str:
    """Return a map file: one sorted line per key."""
    return "".join(f"{key} {value}\n" for key, value in sorted(entries.items()))


def has_rules(table: RoutingTable) -> bool:
    """Say whether any key has rules: only then HAProxy's configuration has those that hold them."""
    return any(
        "," in key_value(key, until) for e in table.endpoints for key in e.keys for _, until in key.valid_hashes()
    )


def token_key(table: RoutingTable) -> str:
    """Return what verifies tokens, if any endpoint takes them."""
    return table.token_key if any(e.auth_mode is not AuthMode.KEY for e in table.endpoints) else ""


def key_value(key: KeyHash, until_ms: int | None) -> str:
    """Return what the edge knows of a key: its name, and with rules ``name,until ms,override,scope,step µs,room µs``.

    ``override`` and ``scope`` are 1 or 0, a step of 0 means no limit, and what has no end ends in the year 9999.
    """
    name, rules, limit = checked("key name", key.name), key.rules, key.rules.rate_limit
    if until_ms is None and rules == KeyRules():
        return name
    rate = f"{limit.step_us},{limit.room_us}" if limit else "0,0"
    return f"{name},{until_ms or LAST_MS},{rules.allow_override:d},{bool(rules.deployments):d},{rate}"


def _add_key(maps: Maps, endpoint: EndpointRoute, key: KeyHash) -> None:
    name = endpoint.name.lower()
    for sha256, until_ms in key.valid_hashes():
        digest = checked("digest", sha256.lower())
        known_as = digest.upper() if endpoint.auth_mode is AuthMode.KEY else key_id(digest)
        maps[MAP_NAMES.keys][f"{known_as}/{name}"] = key_value(key, until_ms)
    if not key.rules.deployments:
        return
    wanted = {deployment.lower() for deployment in key.rules.deployments}
    scope = [route.name for route in endpoint.deployments if route.name.lower() in wanted]
    maps[MAP_NAMES.scopes] |= {f"{name}/{key.name}.{checked('deployment', one).lower()}": one for one in scope}
    if scope:
        maps[MAP_NAMES.splits][f"{name}/{key.name}"] = _intervals(within(endpoint.intervals, scope))


def _intervals(intervals: Sequence[Interval]) -> str:
    return ",".join(f"{bound},{checked('deployment', name).lower()}" for bound, name in intervals[:MAX_INTERVALS])


def _route(route: DeploymentRoute, room: dict[str, int]) -> str:
    backend = checked("backend", route.backend)
    return f"{checked('deployment', route.name)},{backend},{room.get(backend, 0)}"


def _share(endpoint: EndpointRoute, deployment: str) -> int:
    """Return the buckets of a deployment: of two that serve a version, the one with more traffic is asked."""
    share, low = 0, 0
    for bound, name in endpoint.intervals:
        share += bound - low if name == deployment else 0
        low = bound
    return share
