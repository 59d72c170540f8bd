"""Rows of experiments and their tags."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from registry.core.tracking.runs import Experiment, LifecycleStage
from registry.core.tracking.search import Comparison, Kind, Order
from registry.store.metadata import Connection
from registry.store.schema import experiment_tags, experiments
from registry.store.tracking.search import Beside, Searched, conditions, ordered
from registry.store.upsert import insert_or_replace

CHUNK = 1000  # experiments whose tags are read at once
EXPERIMENTS = Searched(
    attributes={
        "name": experiments.c.name,
        "experiment_id": sa.cast(experiments.c.id, sa.String),
        "creation_time": experiments.c.created_ms,
        "last_update_time": experiments.c.updated_ms,
    },
    beside={Kind.TAG: Beside(experiment_tags, {"experiment_id": experiments.c.id})},
    orders={"experiment_id": experiments.c.id},
)


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
    set_tags(tx, experiment.id, experiment.tags)


def next_id(tx: Connection) -> int:
    """Return the next free number; 0 is the default experiment's."""
    return (tx.scalar(sa.select(sa.func.max(experiments.c.id))) or 0) + 1


def find(tx: Connection, experiment_id: int) -> Experiment | None:
    return _find(tx, experiments.c.id == experiment_id)


def find_by_name(tx: Connection, name: str) -> Experiment | None:
    return _find(tx, experiments.c.name == name)


def names_of(tx: Connection, experiment_ids: Collection[int]) -> dict[int, str]:
    query = sa.select(experiments.c.id, experiments.c.name).where(experiments.c.id.in_(list(experiment_ids)))
    return {row.id: row.name for row in tx.execute(query)}


def search(
    tx: Connection,
    stages: Iterable[LifecycleStage],
    comparisons: Sequence[Comparison],
    orders: Sequence[Order],
    limit: int,
    offset: int,
) -> list[Experiment]:
    """Return the experiments that all comparisons hold for; what the orders leave equal is newest first."""
    query = sa.select(experiments).where(
        experiments.c.lifecycle_stage.in_(list(stages)), *conditions(tx, EXPERIMENTS, comparisons)
    )
    query = ordered(query, EXPERIMENTS, orders).order_by(experiments.c.created_ms.desc(), experiments.c.id)
    return _load(tx, query.limit(limit).offset(offset))


def rename(tx: Connection, experiment_id: int, name: str, now_ms: int) -> None:
    here = experiments.c.id == experiment_id
    tx.execute(sa.update(experiments).where(here).values(name=name, updated_ms=now_ms))


def set_stage(tx: Connection, experiment_id: int, stage: LifecycleStage, now_ms: int) -> None:
    here = experiments.c.id == experiment_id
    tx.execute(sa.update(experiments).where(here).values(lifecycle_stage=stage, updated_ms=now_ms))


def set_tags(tx: Connection, experiment_id: int, tags: dict[str, str]) -> None:
    rows = [{"experiment_id": experiment_id, "key": key, "value": value} for key, value in tags.items()]
    insert_or_replace(tx, experiment_tags, rows)


def delete_tag(tx: Connection, experiment_id: int, key: str) -> bool:
    """Delete a tag; return whether it was there."""
    here = sa.and_(experiment_tags.c.experiment_id == experiment_id, experiment_tags.c.key == key)
    return tx.execute(sa.delete(experiment_tags).where(here)).rowcount > 0


def _find(tx: Connection, where: sa.ColumnElement[bool]) -> Experiment | None:
    found = _load(tx, sa.select(experiments).where(where))
    return found[0] if found else None


def _load(tx: Connection, query: sa.Select[Any]) -> list[Experiment]:
    rows = tx.execute(query).all()
    tags: dict[int, dict[str, str]] = defaultdict(dict)
    for start in range(0, len(rows), CHUNK):
        ids = [row.id for row in rows[start : start + CHUNK]]
        query = sa.select(experiment_tags).where(experiment_tags.c.experiment_id.in_(ids))
        for tag in tx.execute(query.order_by(experiment_tags.c.experiment_id, experiment_tags.c.key)):
            tags[tag.experiment_id][tag.key] = tag.value
    return [
        Experiment(
            id=row.id,
            name=row.name,
            artifact_location=row.artifact_location,
            lifecycle_stage=LifecycleStage(row.lifecycle_stage),
            created_ms=row.created_ms,
            updated_ms=row.updated_ms,
            tags=tags.get(row.id, {}),
        )
        for row in rows
    ]
