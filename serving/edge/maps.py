"""The map files of the edge: what HAProxy looks up for each request. Pure.

::

    endpoints     cancer                  -> Cancer                         (its name as written)
    keys          cancer/<sha256 hex>     -> primary
    splits        cancer                  -> 9000,blue,10000,green          (bucket < bound; at most 8 intervals)
    deployments   cancer/blue             -> Blue,cancer.blue.1             (its name as written, its live backend)
    versions      cancer/3                -> Blue,cancer.blue.1             (the deployment that serves model version 3)
    sources       cancer                  -> x-user-id                      (header whose hash is the bucket)

Keys are in lower case but for model versions; every key and value matches a pattern of ``names``.
"""

import msgspec

from registry.core.deploying.split import MAX_INTERVALS
from registry.core.deploying.traffic_keys import MAX_TRAFFIC_SOURCES
from serving.edge.names import checked
from serving.wire.routing import DeploymentRoute, EndpointRoute, RoutingTable

Maps = dict[str, dict[str, str]]  # map name → key → value


class MapNames(msgspec.Struct, frozen=True):
    """File names relative to HAProxy's working folder, which are also their names at the admin socket."""

    endpoints: str = "maps/endpoints.map"
    keys: str = "maps/keys.map"
    splits: str = "maps/splits.map"
    deployments: str = "maps/deployments.map"
    versions: str = "maps/versions.map"
    sources: str = "maps/sources.map"


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
    for endpoint in table.endpoints:
        name = checked("endpoint", endpoint.name).lower()
        maps[MAP_NAMES.endpoints][name] = endpoint.name
        for key in endpoint.keys:
            maps[MAP_NAMES.keys][f"{name}/{checked('digest', key.sha256.lower())}"] = checked("key name", key.name)
        if endpoint.intervals:
            maps[MAP_NAMES.splits][name] = _intervals(endpoint)
        if endpoint.sticky and endpoint.sticky.source in known_sources:
            maps[MAP_NAMES.sources][name] = f"{endpoint.sticky.source},{checked('salt', endpoint.sticky.salt)}"
        for route in endpoint.deployments:
            maps[MAP_NAMES.deployments][f"{name}/{route.name.lower()}"] = _route(route)
        for route in sorted(endpoint.deployments, key=lambda r: (-_share(endpoint, r.name), r.name), reverse=True):
            for version in route.model_versions:
                maps[MAP_NAMES.versions][f"{name}/{checked('version', version)}"] = _route(route)
    return maps


def map_text(entries: dict[str, str]) -> str:
    """Return a map file: one sorted line per key."""
    return "".join(f"{key} {value}\n" for key, value in sorted(entries.items()))


def _intervals(endpoint: EndpointRoute) -> str:
    parts = (f"{bound},{checked('deployment', name).lower()}" for bound, name in endpoint.intervals[:MAX_INTERVALS])
    return ",".join(parts)


def _route(route: DeploymentRoute) -> str:
    return f"{checked('deployment', route.name)},{checked('backend', route.backend)}"


def _share(endpoint: EndpointRoute, deployment: str) -> int:
    """Return the buckets of a deployment: of two that serve a version, the one with more traffic is asked."""
    share, low = 0, 0
    for bound, name in endpoint.intervals:
        share += bound - low if name == deployment else 0
        low = bound
    return share
