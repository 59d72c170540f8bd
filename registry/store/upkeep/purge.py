"""Rows of what was deleted, and deleting them for good."""

from typing import NamedTuple

import sqlalchemy as sa

from registry.core.tracking.runs import LifecycleStage
from registry.store import counters
from registry.store.metadata import Connection
from registry.store.schema import (
    artifacts,
    experiments,
    logged_models,
    model_files,
    model_versions,
    models,
    run_models,
    runs,
)


class LoggedModelRow(NamedTuple):
    """``source_run_id`` is the run that made it, if one did."""

    id: str
    experiment_id: int
    deleted_ms: int | None
    source_run_id: str | None


class VersionRow(NamedTuple):
    name: str
    version: int
    run_id: str | None
    logged_model_id: str | None
    deleted_ms: int | None


class Weight(NamedTuple):
    files: int
    bytes: int


def all_versions(tx: Connection) -> list[VersionRow]:
    """Return every version, deleted ones too."""
    c = model_versions.c
    query = sa.select(c.name, c.version, c.run_id, c.logged_model_id, c.deleted_ms).order_by(c.name, c.version)
    return [VersionRow(*row) for row in tx.execute(query)]


def deleted_models(tx: Connection, before_ms: int) -> dict[str, int]:
    """Return name → time of deletion."""
    query = sa.select(models.c.name, models.c.deleted_ms).where(models.c.deleted_ms <= before_ms)
    return {row.name: row.deleted_ms for row in tx.execute(query.order_by(models.c.name))}


def deleted_runs(tx: Connection, before_ms: int) -> dict[str, int]:
    """Return id → time of deletion."""
    c = runs.c
    query = sa.select(c.id, c.deleted_ms).where(c.deleted_ms <= before_ms).order_by(c.deleted_ms, c.id)
    return {row.id: row.deleted_ms for row in tx.execute(query)}


def all_logged_models(tx: Connection) -> list[LoggedModelRow]:
    """Return every logged model, deleted ones too."""
    c = logged_models.c
    query = sa.select(c.id, c.experiment_id, c.deleted_ms, c.source_run_id).order_by(c.id)
    return [LoggedModelRow(*row) for row in tx.execute(query)]


def deleted_experiments(tx: Connection, before_ms: int) -> dict[int, int]:
    """Return number → time of deletion."""
    c = experiments.c
    deleted = sa.and_(c.lifecycle_stage == LifecycleStage.DELETED.value, c.updated_ms <= before_ms)
    return {row.id: row.updated_ms for row in tx.execute(sa.select(c.id, c.updated_ms).where(deleted).order_by(c.id))}


def members_of(tx: Connection, experiment_id: int) -> set[str]:
    """Return the ids of an experiment's runs and logged models, deleted ones too."""
    found: set[str] = set()
    for table in (runs, logged_models):
        found |= set(tx.scalars(sa.select(table.c.id).where(table.c.experiment_id == experiment_id)))
    return found


def weight_of_owner(tx: Connection, owner_id: str) -> Weight:
    """Return how many files a run or logged model has, and their bytes."""
    query = sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(artifacts.c.size), 0))
    row = tx.execute(query.where(artifacts.c.owner_id == owner_id)).one()
    return Weight(int(row[0]), int(row[1]))


def weight_of_version(tx: Connection, name: str, version: int) -> Weight:
    query = sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(model_files.c.size), 0))
    row = tx.execute(query.where(model_files.c.name == name, model_files.c.version == version)).one()
    return Weight(int(row[0]), int(row[1]))


def drop_version(tx: Connection, name: str, version: int) -> None:
    """Delete a version for good; its number is remembered as given."""
    counters.raise_to(tx, counters.model_versions_of(name), version)
    tx.execute(sa.delete(model_files).where(model_files.c.name == name, model_files.c.version == version))
    tx.execute(sa.delete(model_versions).where(model_versions.c.name == name, model_versions.c.version == version))


def drop_model(tx: Connection, name: str) -> None:
    """Delete a model that has no versions any more."""
    tx.execute(sa.delete(models).where(models.c.name == name))


def drop_run(tx: Connection, run_id: str) -> None:
    """Delete a run with all it logged."""
    tx.execute(sa.delete(artifacts).where(artifacts.c.owner_id == run_id))
    tx.execute(sa.delete(runs).where(runs.c.id == run_id))


def drop_logged_model(tx: Connection, model_id: str) -> None:
    tx.execute(sa.delete(artifacts).where(artifacts.c.owner_id == model_id))
    tx.execute(sa.delete(run_models).where(run_models.c.model_id == model_id))
    tx.execute(sa.delete(logged_models).where(logged_models.c.id == model_id))


def drop_experiment(tx: Connection, experiment_id: int) -> None:
    """Delete an experiment that has neither runs nor logged models any more."""
    tx.execute(sa.delete(experiments).where(experiments.c.id == experiment_id))
