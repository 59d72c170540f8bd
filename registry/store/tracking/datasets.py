"""Rows of what runs used and made: datasets, and logged models by their ids."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa

from registry.core.tracking.datasets import CONTEXT_TAG, Dataset, DatasetInput, DatasetSummary, ModelOutput
from registry.store.metadata import Connection
from registry.store.schema import datasets, run_datasets, run_models, runs
from registry.store.upsert import insert_new, insert_or_replace

CONTEXT = run_datasets.c.tags[CONTEXT_TAG].as_string()


def add_inputs(
    tx: Connection, run_id: str, experiment_id: int, inputs: Sequence[DatasetInput], new_id: Callable[[], str]
) -> None:
    """Link datasets to a run, made where the experiment has none of that name and digest. Tags add to earlier ones."""
    for one in inputs:
        dataset_id = _find_or_insert(tx, experiment_id, one.dataset, new_id)
        here = sa.and_(run_datasets.c.run_id == run_id, run_datasets.c.dataset_id == dataset_id)
        before = tx.scalar(sa.select(run_datasets.c.tags).where(here)) or {}
        row = {"run_id": run_id, "dataset_id": dataset_id, "tags": {**before, **one.tags}}
        insert_or_replace(tx, run_datasets, [row])


def add_model_inputs(tx: Connection, run_id: str, model_ids: Sequence[str]) -> None:
    rows = [{"run_id": run_id, "model_id": model_id, "direction": "input", "step": 0} for model_id in model_ids]
    insert_new(tx, run_models, rows)


def add_model_outputs(tx: Connection, run_id: str, outputs: Sequence[ModelOutput]) -> None:
    rows = [
        {"run_id": run_id, "model_id": one.model_id, "direction": "output", "step": one.step}
        for one in {one.model_id: one for one in outputs}.values()
    ]
    insert_or_replace(tx, run_models, rows)


def inputs_of(tx: Connection, run_ids: Sequence[str]) -> dict[str, list[DatasetInput]]:
    """Return the datasets of runs, by name and digest."""
    query = (
        sa.select(run_datasets.c.run_id, run_datasets.c.tags, datasets)
        .join(datasets, datasets.c.id == run_datasets.c.dataset_id)
        .where(run_datasets.c.run_id.in_(run_ids))
        .order_by(datasets.c.name, datasets.c.digest)
    )
    inputs: dict[str, list[DatasetInput]] = defaultdict(list)
    for row in tx.execute(query):
        inputs[row.run_id].append(DatasetInput(dataset=_dataset(row), tags=row.tags))
    return inputs


def models_of(tx: Connection, run_ids: Sequence[str]) -> tuple[dict[str, list[str]], dict[str, list[ModelOutput]]]:
    """Return the logged models that runs used, and those they made."""
    inputs: dict[str, list[str]] = defaultdict(list)
    outputs: dict[str, list[ModelOutput]] = defaultdict(list)
    query = sa.select(run_models).where(run_models.c.run_id.in_(run_ids))
    for row in tx.execute(query.order_by(run_models.c.run_id, run_models.c.step, run_models.c.model_id)):
        if row.direction == "input":
            inputs[row.run_id].append(row.model_id)
        else:
            outputs[row.run_id].append(ModelOutput(model_id=row.model_id, step=row.step))
    return inputs, outputs


def digests_like(tx: Connection, prefix: str, limit: int) -> list[str]:
    """Return digests of datasets that a run read, those that begin with ``prefix``: it itself is the first."""
    query = (
        sa.select(datasets.c.digest)
        .join(run_datasets, run_datasets.c.dataset_id == datasets.c.id)
        .where(datasets.c.digest.startswith(prefix, autoescape=True))
        .distinct()
        .order_by(datasets.c.digest)
        .limit(limit)
    )
    return list(tx.scalars(query))


def readers_of(tx: Connection, digest: str, limit: int) -> list[tuple[str, DatasetInput]]:
    """Return the runs that read a dataset of this digest, the newest first, deleted ones too, and how each read it."""
    query = (
        sa.select(run_datasets.c.run_id, run_datasets.c.tags, datasets)
        .join(datasets, datasets.c.id == run_datasets.c.dataset_id)
        .join(runs, runs.c.id == run_datasets.c.run_id)
        .where(datasets.c.digest == digest)
        .order_by(runs.c.started_ms.desc(), runs.c.id, datasets.c.name)
        .limit(limit)
    )
    return [(row.run_id, DatasetInput(dataset=_dataset(row), tags=row.tags)) for row in tx.execute(query)]


def summaries(tx: Connection, experiment_ids: Sequence[int], limit: int) -> list[DatasetSummary]:
    """Return the datasets of experiments, one for each context that they are used in."""
    context = CONTEXT.label("context")
    query = (
        sa.select(datasets.c.experiment_id, datasets.c.name, datasets.c.digest, context)
        .join(run_datasets, run_datasets.c.dataset_id == datasets.c.id)
        .where(datasets.c.experiment_id.in_(experiment_ids))
        .distinct()
        .order_by(datasets.c.experiment_id, datasets.c.name, datasets.c.digest, context.nulls_first())
    )
    return [DatasetSummary(**row._mapping) for row in tx.execute(query.limit(limit))]


def drop_unread(tx: Connection) -> None:
    """Forget the datasets that no run has read that is still there."""
    read = sa.select(run_datasets.c.run_id).where(run_datasets.c.dataset_id == datasets.c.id).exists()
    tx.execute(sa.delete(datasets).where(~read))


def _find_or_insert(tx: Connection, experiment_id: int, dataset: Dataset, new_id: Callable[[], str]) -> str:
    here = sa.and_(
        datasets.c.experiment_id == experiment_id,
        datasets.c.name == dataset.name,
        datasets.c.digest == dataset.digest,
    )
    found = tx.scalar(sa.select(datasets.c.id).where(here))
    if found is not None:
        return str(found)
    row = {
        "id": new_id(),
        "experiment_id": experiment_id,
        "name": dataset.name,
        "digest": dataset.digest,
        "source_type": dataset.source_type,
        "source": dataset.source,
        "schema": dataset.schema,
        "profile": dataset.profile,
    }
    tx.execute(sa.insert(datasets).values(row))
    return str(row["id"])


def _dataset(row: sa.Row[Any]) -> Dataset:
    return Dataset(
        name=row.name,
        digest=row.digest,
        source_type=row.source_type,
        source=row.source,
        schema=row.schema,
        profile=row.profile,
    )
