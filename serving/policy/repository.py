"""What a key may see of the endpoints: the model repository of the Open Inference Protocol, from a routing table."""

from collections.abc import Iterable
from enum import StrEnum

import msgspec

from registry.core.deploying.access_tokens import key_id, read_token
from registry.core.deploying.endpoints import AuthMode
from registry.core.deploying.keys import KeyHash, hash_key
from serving.wire.routing import EndpointRoute, RoutingTable, ServerState


class ModelState(StrEnum):
    READY = "READY"
    UNAVAILABLE = "UNAVAILABLE"


class ModelEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One model version of an endpoint. An endpoint without a live deployment has one entry without a version."""

    name: str
    version: str = ""
    state: ModelState
    reason: str = ""


def opened_by(key: str, table: RoutingTable, now_ms: int) -> list[EndpointRoute]:
    """Return the endpoints that this key, or token, opens now."""
    claims = read_token(table.token_key, key, now_ms)
    named = {AuthMode.KEY: hash_key(key), AuthMode.AML_TOKEN: claims.key if claims else ""}
    return [
        route
        for route in table.endpoints
        if any(_opens(known, named[route.auth_mode], now_ms) for known in route.keys)
        and (route.auth_mode is AuthMode.KEY or (claims is not None and claims.aud == route.name.lower()))
    ]


def index(routes: Iterable[EndpointRoute], table: RoutingTable) -> list[ModelEntry]:
    """List each version that a deployment of ``routes`` serves: ready where one of its replicas is."""
    ready = {b.name for b in table.backends if any(server.state is ServerState.READY for server in b.servers)}
    entries = []
    for route in routes:
        versions: dict[str, bool] = {}
        for deployment in route.deployments:
            for version in deployment.model_versions:
                versions[version] = versions.get(version, False) or deployment.backend in ready
        entries += [_entry(route.name, version, is_ready) for version, is_ready in sorted(versions.items())]
        if not versions:
            entries.append(_unavailable(route.name, "", "no deployment is live"))
    return entries


def _opens(key: KeyHash, named: str, now_ms: int) -> bool:
    return any(
        named in (sha256, key_id(sha256)) and (until_ms is None or now_ms < until_ms)
        for sha256, until_ms in key.valid_hashes()
    )


def _entry(name: str, version: str, is_ready: bool) -> ModelEntry:
    if is_ready:
        return ModelEntry(name=name, version=version, state=ModelState.READY)
    return _unavailable(name, version, "no replica is ready")


def _unavailable(name: str, version: str, reason: str) -> ModelEntry:
    return ModelEntry(name=name, version=version, state=ModelState.UNAVAILABLE, reason=reason)
