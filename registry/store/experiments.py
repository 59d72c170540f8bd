"""Rows of experiments and their tags."""

import sqlalchemy as sa

from registry.core.runs import Experiment, LifecycleStage
from registry.store.metadata import Connection
from registry.store.schema import experiment_tags, experiments
from registry.store.upsert import insert_or_replace


def insert(tx: Connection, experiment: Experiment) -> None:
    tx.execute(
        sa.insert(experiments).values(
            id=experiment.id,
            name=experiment.name,
            artifact_location=experiment.artifact_location,
            lifecycle_stage=experiment.lifecycle_stage,
            created_ms=experiment.created_ms,
            updated_ms=experiment.updated_ms,
        )
    )
    tags = [{"experiment_id": experiment.id, "key": key, "value": value} for key, value in experiment.tags.items()]
    insert_or_replace(tx, experiment_tags, tags)


def next_id(tx: Connection) -> int:
    """Return the next free number; 0 is the default experiment's."""
    return (tx.scalar(sa.select(sa.func.max(experiments.c.id))) or 0) + 1


def find(tx: Connection, experiment_id: int) -> Experiment | None:
    return _load(tx, experiments.c.id == experiment_id)


def find_by_name(tx: Connection, name: str) -> Experiment | None:
    return _load(tx, experiments.c.name == name)


def _load(tx: Connection, where: sa.ColumnElement[bool]) -> Experiment | None:
    row = tx.execute(sa.select(experiments).where(where)).one_or_none()
    if row is None:
        return None
    tags = tx.execute(sa.select(experiment_tags).where(experiment_tags.c.experiment_id == row.id))
    return Experiment(
        id=row.id,
        name=row.name,
        artifact_location=row.artifact_location,
        lifecycle_stage=LifecycleStage(row.lifecycle_stage),
        created_ms=row.created_ms,
        updated_ms=row.updated_ms,
        tags={tag.key: tag.value for tag in tags},
    )
