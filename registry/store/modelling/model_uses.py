"""Rows of which revision serves or served which version of a model. They outlive their deployments."""

from collections import defaultdict
from collections.abc import Collection

import sqlalchemy as sa

from registry.core.deploying.endpoints import Revision, RevisionState
from registry.core.modelling.lineage import DeploymentUse
from registry.store.metadata import Connection
from registry.store.schema import model_uses, revisions

Uses = dict[tuple[str, int], list[DeploymentUse]]  # by a model's name and version, from old to new


def insert(tx: Connection, endpoint: str, deployment: str, revision: Revision) -> None:
    """Note the models of a new revision."""
    for model, version in revision.models.items():
        tx.execute(
            sa.insert(model_uses).values(
                endpoint_id=endpoint.lower(),
                deployment_id=deployment.lower(),
                number=revision.number,
                model=model,
                version=version,
                endpoint=endpoint,
                deployment=deployment,
                image=revision.image,
                image_digest=revision.image_digest,
                since_ms=revision.created_ms,
            )
        )


def of_models(tx: Connection, names: Collection[str]) -> Uses:
    """Return the revisions that hold or held versions of models; of a deleted deployment's the state is None."""
    here = sa.and_(
        revisions.c.endpoint_id == model_uses.c.endpoint_id,
        revisions.c.deployment_id == model_uses.c.deployment_id,
        revisions.c.number == model_uses.c.number,
    )
    query = (
        sa.select(model_uses, revisions.c.state)
        .outerjoin(revisions, here)
        .where(model_uses.c.model.in_(list(names)))
        .order_by(model_uses.c.since_ms, model_uses.c.endpoint_id, model_uses.c.deployment_id, model_uses.c.number)
    )
    uses: Uses = defaultdict(list)
    for row in tx.execute(query):
        uses[row.model, row.version].append(
            DeploymentUse(
                endpoint=row.endpoint,
                deployment=row.deployment,
                revision=row.number,
                state=None if row.state is None else RevisionState(row.state),
                image=row.image,
                image_digest=row.image_digest,
                since_ms=row.since_ms,
            )
        )
    return uses
