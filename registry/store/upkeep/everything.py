"""All rows of a workspace: counted, and deleted at once. A table that is added later goes with the others."""

from collections.abc import Iterator

import sqlalchemy as sa

from registry.core.workspace_deletion import NounCount
from registry.store import counters
from registry.store.metadata import Connection
from registry.store.migrations import insert_default_experiment
from registry.store.schema import (
    activities,
    activity_lines,
    artifacts,
    audit,
    dataset_files,
    dataset_versions,
    deployments,
    doomed_blobs,
    endpoints,
    experiments,
    images,
    logged_models,
    metadata,
    model_files,
    model_versions,
    models,
    runs,
    secrets,
    services,
    snapshots,
    tokens,
)
from registry.store.schema import counters as counter_rows

# The audit says who did it; services are processes that go on, and so may a purge; of the others some rows stay.
KEPT = {audit, services, doomed_blobs}
PARTLY_KEPT = {activities, activity_lines, tokens, counter_rows}

_IS_LOGGED_MODELS = artifacts.c.owner_id.startswith("m-")
_DEFAULT_EXPERIMENT = 0


def counts(tx: Connection) -> Iterator[NounCount]:
    """Give how many there are of each noun, hidden ones too, and the bytes of its files."""
    yield _count(tx, "experiments", experiments, where=experiments.c.id != _DEFAULT_EXPERIMENT)
    yield _count(tx, "runs", runs, sa.select(sa.func.sum(artifacts.c.size)).where(~_IS_LOGGED_MODELS))
    yield _count(tx, "snapshots", snapshots, sa.select(sa.func.sum(snapshots.c.size)))
    yield _count(tx, "logged models", logged_models, sa.select(sa.func.sum(artifacts.c.size)).where(_IS_LOGGED_MODELS))
    yield _count(tx, "models", models)
    yield _count(tx, "model versions", model_versions, sa.select(sa.func.sum(model_files.c.size)))
    yield _count(tx, "dataset versions", dataset_versions, sa.select(sa.func.sum(dataset_files.c.size)))
    yield _count(tx, "images", images, sa.select(sa.func.sum(images.c.size_bytes)))
    yield _count(tx, "endpoints", endpoints)
    yield _count(tx, "deployments", deployments)
    yield _count(tx, "secrets", secrets)
    yield _count(tx, "activities", activities)
    yield _count(tx, "tokens", tokens)


def delete_all(tx: Connection, *, activity_id: str, token: str) -> None:
    """Delete every row but the audit's, those of services, one activity's and one token's, named ``token``.

    Numbers that the data plane knows stay, and go on growing: the desired state's version and those of revisions, under
    which requests are recorded elsewhere.
    """
    for table in reversed(metadata.sorted_tables):
        if table not in KEPT and table not in PARTLY_KEPT:
            tx.execute(sa.delete(table))
    tx.execute(sa.delete(activity_lines).where(activity_lines.c.activity_id != activity_id))
    tx.execute(sa.delete(activities).where(activities.c.id != activity_id))
    tx.execute(sa.delete(tokens).where(tokens.c.name != token))
    counters.forget_all_but_the_data_planes(tx)
    insert_default_experiment(tx)


def _count(
    tx: Connection,
    noun: str,
    table: sa.Table,
    size: "sa.Select[tuple[int]] | None" = None,
    where: sa.ColumnElement[bool] | None = None,
) -> NounCount:
    number = tx.scalar(sa.select(sa.func.count()).select_from(table).where(sa.true() if where is None else where))
    return NounCount(noun=noun, count=number or 0, bytes=int((tx.scalar(size) or 0) if size is not None else 0))
