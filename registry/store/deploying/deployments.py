"""Rows of deployments and their revisions. Names are looked up without regard to case."""

from collections import defaultdict
from typing import Any

import msgspec
import sqlalchemy as sa

from registry.core.deploying.endpoints import (
    AzureLabels,
    Deployment,
    RequestSettings,
    RetryRule,
    Revision,
    RevisionState,
)
from registry.core.deploying.engine_settings import Batching, ResponseCache
from registry.core.deploying.probes import LivenessProbe, ReadinessProbe
from registry.store.metadata import Connection
from registry.store.modelling import model_uses
from registry.store.schema import deployments, endpoints, revisions


def put(tx: Connection, deployment: Deployment) -> None:
    """Store a deployment, new or changed, without its revisions."""
    here = _here(deployment.endpoint, deployment.name)
    values = {
        "name": deployment.name,
        "description": deployment.description,
        "tags": deployment.tags,
        "labels": msgspec.to_builtins(deployment.labels),
        "created_ms": deployment.created_ms,
        "updated_ms": deployment.updated_ms,
        "keep_warm_s": deployment.keep_warm_s,
        "ttl_s": deployment.ttl_s,
        "expires_ms": deployment.expires_ms,
    }
    if tx.execute(sa.update(deployments).where(here).values(values)).rowcount == 0:
        key = {"endpoint_id": deployment.endpoint.lower(), "id": deployment.name.lower()}
        tx.execute(sa.insert(deployments).values(**key, **values))


def insert_revision(tx: Connection, endpoint: str, name: str, revision: Revision) -> None:
    """Store a new revision, and which models it serves."""
    model_uses.insert(tx, endpoint, name, revision)
    tx.execute(
        sa.insert(revisions).values(
            endpoint_id=endpoint.lower(),
            deployment_id=name.lower(),
            number=revision.number,
            image=revision.image,
            image_digest=revision.image_digest,
            instance_count=revision.instance_count,
            worker_count=revision.worker_count,
            request_settings=msgspec.to_builtins(revision.request_settings),
            environment_variables=revision.environment_variables,
            retry=revision.retry,
            models=revision.models,
            state=revision.state,
            message=revision.message,
            activity_id=revision.activity_id,
            created_ms=revision.created_ms,
            batching=msgspec.to_builtins(revision.batching),
            response_cache=msgspec.to_builtins(revision.response_cache),
            liveness_probe=msgspec.to_builtins(revision.liveness_probe),
            readiness_probe=msgspec.to_builtins(revision.readiness_probe),
            who=revision.who,
        )
    )


def set_state(
    tx: Connection,
    endpoint: str,
    name: str,
    number: int,
    *,
    state: RevisionState,
    message: str,
    warm_until_ms: int | None = None,
) -> None:
    here = _revision_here(endpoint, name, number)
    tx.execute(sa.update(revisions).where(here).values(state=state, message=message, warm_until_ms=warm_until_ms))


def restart(tx: Connection, endpoint: str, name: str, number: int, activity_id: str) -> None:
    """Let a revision of before be starting once more, as a part of an activity."""
    values = {"state": RevisionState.STARTING, "message": "", "activity_id": activity_id, "warm_until_ms": None}
    tx.execute(sa.update(revisions).where(_revision_here(endpoint, name, number)).values(values))


def find(tx: Connection, endpoint: str, name: str) -> Deployment | None:
    found = _load(tx, _here(endpoint, name))
    return found[0] if found else None


def of_endpoint(tx: Connection, endpoint: str) -> list[Deployment]:
    """Return an endpoint's deployments, by name."""
    return _load(tx, deployments.c.endpoint_id == endpoint.lower())


def expired(tx: Connection, now_ms: int) -> list[Deployment]:
    """Return the deployments whose time is over, by endpoint and name."""
    return _load(tx, deployments.c.expires_ms <= now_ms)


def with_cold_revisions(tx: Connection, now_ms: int) -> list[Deployment]:
    """Return the deployments with a revision that has been warm for long enough."""
    over = sa.select(revisions.c.endpoint_id, revisions.c.deployment_id).where(revisions.c.warm_until_ms <= now_ms)
    return _load(tx, sa.tuple_(deployments.c.endpoint_id, deployments.c.id).in_(over))


def all_deployments(tx: Connection) -> list[Deployment]:
    """Return every deployment, by endpoint and name."""
    return _load(tx, sa.true())


def delete(tx: Connection, endpoint: str, name: str) -> None:
    """Delete a deployment with its revisions."""
    tx.execute(sa.delete(deployments).where(_here(endpoint, name)))


def _here(endpoint: str, name: str) -> sa.ColumnElement[bool]:
    return (deployments.c.endpoint_id == endpoint.lower()) & (deployments.c.id == name.lower())


def _revision_here(endpoint: str, name: str, number: int) -> sa.ColumnElement[bool]:
    return (
        (revisions.c.endpoint_id == endpoint.lower())
        & (revisions.c.deployment_id == name.lower())
        & (revisions.c.number == number)
    )


def _load(tx: Connection, where: sa.ColumnElement[bool]) -> list[Deployment]:
    query = (
        sa.select(deployments, endpoints.c.name.label("endpoint_name"))
        .join(endpoints, endpoints.c.id == deployments.c.endpoint_id)
        .where(where)
        .order_by(deployments.c.endpoint_id, deployments.c.id)
    )
    rows = tx.execute(query).all()
    by_deployment = _revisions(tx, {row.endpoint_id for row in rows})
    return [
        Deployment(
            endpoint=row.endpoint_name,
            name=row.name,
            description=row.description,
            tags=row.tags,
            labels=msgspec.convert(row.labels or {}, AzureLabels),
            revisions=by_deployment[row.endpoint_id, row.id],
            created_ms=row.created_ms,
            updated_ms=row.updated_ms,
            keep_warm_s=row.keep_warm_s,
            ttl_s=row.ttl_s,
            expires_ms=row.expires_ms,
        )
        for row in rows
    ]


def _revisions(tx: Connection, endpoint_ids: set[str]) -> dict[tuple[str, str], list[Revision]]:
    by_deployment: dict[tuple[str, str], list[Revision]] = defaultdict(list)
    query = sa.select(revisions).where(revisions.c.endpoint_id.in_(endpoint_ids)).order_by(revisions.c.number)
    for row in tx.execute(query):
        by_deployment[row.endpoint_id, row.deployment_id].append(_revision(row))
    return by_deployment


def _revision(row: sa.Row[Any]) -> Revision:
    return Revision(
        number=row.number,
        image=row.image,
        image_digest=row.image_digest,
        instance_count=row.instance_count,
        worker_count=row.worker_count,
        request_settings=msgspec.convert(row.request_settings, RequestSettings),
        environment_variables=row.environment_variables,
        retry=RetryRule(row.retry),
        models=row.models,
        state=RevisionState(row.state),
        message=row.message,
        activity_id=row.activity_id,
        created_ms=row.created_ms,
        batching=msgspec.convert(row.batching or {}, Batching),
        response_cache=msgspec.convert(row.response_cache, ResponseCache | None),
        liveness_probe=msgspec.convert(row.liveness_probe or {}, LivenessProbe),
        readiness_probe=msgspec.convert(row.readiness_probe or {}, ReadinessProbe),
        who=row.who,
        warm_until_ms=row.warm_until_ms,
    )
