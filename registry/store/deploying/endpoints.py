"""Rows of endpoints and their keys' hashes. A name is looked up without regard to case."""

from collections import defaultdict
from typing import Any

import msgspec
import sqlalchemy as sa

from registry.core.deploying.endpoints import AuthMode, Endpoint
from registry.core.deploying.keys import KeyHash
from registry.core.deploying.traffic_keys import from_source
from registry.store.metadata import Connection
from registry.store.schema import endpoint_keys, endpoints


def put(tx: Connection, endpoint: Endpoint) -> None:
    """Store an endpoint with its keys, new or changed."""
    key = endpoint.name.lower()
    values = {
        "name": endpoint.name,
        "description": endpoint.description,
        "tags": endpoint.tags,
        "auth_mode": endpoint.auth_mode,
        "traffic": endpoint.traffic,
        "intervals": endpoint.intervals,
        "traffic_source": endpoint.traffic_key.source if endpoint.traffic_key else None,
        "salt": endpoint.salt,
        "mirror_traffic": endpoint.mirror_traffic,
        "properties": endpoint.properties,
        "location": endpoint.location,
        "created_ms": endpoint.created_ms,
        "updated_ms": endpoint.updated_ms,
        "ttl_s": endpoint.ttl_s,
        "expires_ms": endpoint.expires_ms,
    }
    if tx.execute(sa.update(endpoints).where(endpoints.c.id == key).values(values)).rowcount == 0:
        tx.execute(sa.insert(endpoints).values(id=key, **values))
    tx.execute(sa.delete(endpoint_keys).where(endpoint_keys.c.endpoint_id == key))
    tx.execute(sa.insert(endpoint_keys), [{"endpoint_id": key, **msgspec.to_builtins(one)} for one in endpoint.keys])


def find(tx: Connection, name: str) -> Endpoint | None:
    found = _load(tx, sa.select(endpoints).where(endpoints.c.id == name.lower()))
    return found[0] if found else None


def all_endpoints(tx: Connection) -> list[Endpoint]:
    """Return every endpoint, by name."""
    return _load(tx, sa.select(endpoints).order_by(endpoints.c.id))


def expired(tx: Connection, now_ms: int) -> list[Endpoint]:
    """Return the endpoints whose time is over, by name."""
    return _load(tx, sa.select(endpoints).where(endpoints.c.expires_ms <= now_ms).order_by(endpoints.c.id))


def delete(tx: Connection, name: str) -> None:
    """Delete an endpoint with its keys, deployments and revisions."""
    tx.execute(sa.delete(endpoints).where(endpoints.c.id == name.lower()))


def _load(tx: Connection, query: sa.Select[Any]) -> list[Endpoint]:
    keys: dict[str, list[KeyHash]] = defaultdict(list)
    for row in tx.execute(sa.select(endpoint_keys).order_by(endpoint_keys.c.name)):
        kept = {"name": row.name, "sha256": row.sha256, "rules": row.rules or {}, "replaced": row.replaced or []}
        keys[row.endpoint_id].append(msgspec.convert(kept, KeyHash))
    return [
        Endpoint(
            name=row.name,
            description=row.description,
            tags=row.tags,
            auth_mode=AuthMode(row.auth_mode),
            keys=keys[row.id],
            traffic=row.traffic,
            intervals=[(bound, deployment) for bound, deployment in row.intervals],
            traffic_key=from_source(row.traffic_source) if row.traffic_source else None,
            salt=row.salt,
            mirror_traffic=row.mirror_traffic,
            properties=row.properties or {},
            location=row.location,
            created_ms=row.created_ms,
            updated_ms=row.updated_ms,
            ttl_s=row.ttl_s,
            expires_ms=row.expires_ms,
        )
        for row in tx.execute(query)
    ]
