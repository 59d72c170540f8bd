"""What every key of endpoint.yml and deployment.yml does, and when a changed value holds: one row for each.

A row's path leads to the same place in the document and in the record that is stored (``stored_endpoint`` and
``stored_deployment`` say how where they differ), so that a plan can show what was and what will be. A key without a row
fails a test, and so does a row that a changed file does not reach.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any

import msgspec
from msgspec import inspect

from registry.core.deploying import probes
from registry.core.deploying.documents import DeploymentDocument, EndpointDocument
from registry.core.deploying.endpoints import AUTOMATIC_CONCURRENCY, Deployment, Endpoint, Revision
from registry.core.deploying.key_documents import document_of
from registry.core.names import parse_image_reference


class Effect(StrEnum):
    """When a changed value holds."""

    LIVE = "live"  # at once on every edge, and no replica is touched
    REVISION = "new revision"  # its replicas start beside those that serve, and take over when they are ready
    CREATION = "at creation"  # another value is another object
    RECORD = "in the registry"  # at once; people and programs read it there, and nothing that serves does
    FILE = "in the file"  # the file is checked by it, and nothing is kept


class Source(StrEnum):
    """Where an effective value comes from."""

    FILE = "file"
    DEFAULT = "default"
    EXISTING = "existing"  # as it is there now
    IMAGE = "image"
    AUTOMATIC = "automatic"  # decided by what it is for, where nobody says it


class Field(msgspec.Struct, frozen=True):
    """One key. Where the file does not say it, ``absent`` is what holds, and ``otherwise`` where that comes from."""

    effect: Effect
    otherwise: Source = Source.DEFAULT
    absent: Any = None


_SILENCE = "ended after request_timeout_ms and 10 s of silence"

ENDPOINT_FIELDS: dict[str, Field] = {
    "name": Field(Effect.CREATION),
    "auth_mode": Field(Effect.LIVE),
    "traffic": Field(Effect.LIVE, Source.EXISTING),
    "keys": Field(Effect.LIVE, Source.EXISTING),
    "mirror_traffic": Field(Effect.LIVE, Source.EXISTING),
    **{f"traffic_key.{kind}": Field(Effect.LIVE, absent="not used") for kind in ("header", "cookie", "query", "json")},
    "ttl_s": Field(Effect.RECORD, Source.EXISTING, absent="it stays"),
    "description": Field(Effect.RECORD),
    "tags": Field(Effect.RECORD),
    "properties": Field(Effect.RECORD),
    "location": Field(Effect.RECORD),
    "$schema": Field(Effect.FILE),
    "identity.type": Field(Effect.FILE),
    "public_network_access": Field(Effect.FILE),
}

DEPLOYMENT_FIELDS: dict[str, Field] = {
    "name": Field(Effect.CREATION),
    "endpoint_name": Field(Effect.CREATION),
    "model": Field(Effect.FILE, absent="not checked"),  # the image must hold it
    "environment.image": Field(Effect.REVISION),
    "instance_count": Field(Effect.REVISION),
    "environment_variables": Field(Effect.REVISION),
    "request_settings.request_timeout_ms": Field(Effect.REVISION),
    "request_settings.max_concurrent_requests_per_instance": Field(
        Effect.REVISION, Source.AUTOMATIC, AUTOMATIC_CONCURRENCY
    ),
    "request_settings.max_queue_wait_ms": Field(Effect.REVISION),
    "liveness_probe.initial_delay": Field(Effect.REVISION, Source.AUTOMATIC, 0),
    "liveness_probe.period": Field(Effect.REVISION, Source.AUTOMATIC, _SILENCE),
    "liveness_probe.failure_threshold": Field(Effect.REVISION, Source.AUTOMATIC, _SILENCE),
    "liveness_probe.timeout": Field(Effect.REVISION, Source.AUTOMATIC, probes.ASK_S),
    "liveness_probe.success_threshold": Field(Effect.FILE),  # only 1 has a meaning
    "readiness_probe.initial_delay": Field(Effect.REVISION, Source.AUTOMATIC, 0),
    "readiness_probe.period": Field(Effect.REVISION, Source.AUTOMATIC, probes.CHECK_MS / 1000),
    "readiness_probe.timeout": Field(Effect.REVISION, Source.AUTOMATIC, probes.CHECK_TIMEOUT_MS // 1000),
    "readiness_probe.success_threshold": Field(Effect.REVISION, Source.AUTOMATIC, probes.CHECK_RISE),
    "readiness_probe.failure_threshold": Field(Effect.REVISION, Source.AUTOMATIC, probes.CHECK_FALL),
    "retry": Field(Effect.REVISION),
    "batching.enabled": Field(Effect.REVISION, Source.AUTOMATIC, "where the model's rows are independent"),
    "batching.max_rows": Field(Effect.REVISION, Source.AUTOMATIC, "as many as pay"),
    "batching.max_bytes": Field(Effect.REVISION, Source.AUTOMATIC, "as many as fit"),
    "response_cache.max_bytes": Field(Effect.REVISION, absent="nothing is remembered"),
    "response_cache.ttl_s": Field(Effect.REVISION, absent="while there is room"),
    "keep_warm_s": Field(Effect.RECORD),
    "ttl_s": Field(Effect.RECORD, Source.EXISTING, absent="it stays"),
    "description": Field(Effect.RECORD),
    "tags": Field(Effect.RECORD),
    "properties": Field(Effect.RECORD),
    "type": Field(Effect.RECORD),
    "instance_type": Field(Effect.RECORD),
    **{f"environment.{key}": Field(Effect.RECORD) for key in ("name", "version", "description", "tags")},
    "environment.os_type": Field(Effect.FILE),
    "$schema": Field(Effect.FILE),
    "scale_settings.type": Field(Effect.FILE),
    "app_insights_enabled": Field(Effect.FILE),
    "egress_public_network_access": Field(Effect.FILE),
}

# What no key says, and a revision is decided by all the same.
DERIVED_FIELDS: dict[str, Field] = {
    "models": Field(Effect.REVISION, Source.IMAGE),
    "worker_count": Field(Effect.REVISION, Source.AUTOMATIC),
}


def leaves(record: type[msgspec.Struct]) -> Iterator[str]:
    """Walk the keys of a document that hold a value and no further keys, as paths with dots."""
    return _leaves(inspect.type_info(record), "")


def written(values: Any, fields: Mapping[str, Field]) -> frozenset[str]:
    """Return the paths among ``fields`` that plain values of a document hold; null is as good as nothing."""
    return frozenset(path for path in fields if value_at(values, path) is not None)


def written_in(document: EndpointDocument | DeploymentDocument) -> frozenset[str]:
    """Return the paths of a document, already read, that hold another value than the default."""
    table = ENDPOINT_FIELDS if isinstance(document, EndpointDocument) else DEPLOYMENT_FIELDS
    return written(msgspec.to_builtins(document), table)


def value_at(values: Any, path: str) -> Any:
    """Return what plain values hold at a path; None where there is nothing."""
    for key in path.split("."):
        if not isinstance(values, dict):
            return None
        values = values.get(key)
    return values


def stored_endpoint(endpoint: Endpoint) -> dict[str, Any]:
    """Return an endpoint as plain values, each where the document has it."""
    return _plain(endpoint) | {"keys": {key.name: msgspec.to_builtins(document_of(key.rules)) for key in endpoint.keys}}


def stored_deployment(deployment: Deployment, revision: Revision | None) -> dict[str, Any]:
    """Return a deployment and a revision of it as plain values, each where the document has it."""
    labels = msgspec.to_builtins(deployment.labels)
    settings: dict[str, Any] = {} if revision is None else _plain(revision)
    image = {} if revision is None else {"image": exact_image(revision)}
    return {
        **_plain(deployment),
        **labels,
        **settings,
        "environment": labels.get("environment", {}) | image,
        "name": deployment.name,
        "endpoint_name": deployment.endpoint,
    }


def exact_image(revision: Revision) -> str:
    """Return what the reference to an image meant when the revision was made."""
    return f"{parse_image_reference(revision.image).name}@{revision.image_digest}"


def _plain(record: Any) -> dict[str, Any]:
    """Return a record as plain values, defaults included."""
    values: dict[str, Any] = msgspec.to_builtins({name: getattr(record, name) for name in record.__struct_fields__})
    return values


def _leaves(expected: inspect.Type, path: str) -> Iterator[str]:
    options = expected.types if isinstance(expected, inspect.UnionType) else (expected,)
    records = [option for option in options if isinstance(option, inspect.StructType)]
    for record in records:
        for field in record.fields:
            yield from _leaves(field.type, f"{path}.{field.encode_name}" if path else field.encode_name)
    if not records:
        yield path
