"""Rows of logged models, their params and tags."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from registry.core.modelling.logged_models import LoggedModel, LoggedModelStatus
from registry.core.tracking.runs import LifecycleStage
from registry.store.metadata import Connection
from registry.store.modelling import logged_model_metrics
from registry.store.schema import logged_model_params, logged_model_tags, logged_models
from registry.store.upsert import insert_new, insert_or_replace


def put(tx: Connection, model: LoggedModel, deleted_ms: int | None = None) -> None:
    """Store a logged model, new or changed, without its params, tags and metrics."""
    row = {
        "id": model.id,
        "experiment_id": model.experiment_id,
        "name": model.name,
        "model_type": model.model_type,
        "status": model.status,
        "status_message": model.status_message,
        "lifecycle_stage": model.lifecycle_stage,
        "source_run_id": model.source_run_id,
        "artifact_uri": model.artifact_uri,
        "created_ms": model.created_ms,
        "updated_ms": model.updated_ms,
        "deleted_ms": deleted_ms,
    }
    insert_or_replace(tx, logged_models, [row])


def find(tx: Connection, model_id: str) -> LoggedModel | None:
    """Return a logged model, deleted or not."""
    found = load(tx, sa.select(logged_models).where(logged_models.c.id == model_id))
    return found[0] if found else None


def of_run(tx: Connection, run_id: str, name: str) -> LoggedModel | None:
    """Return the newest logged model that a run made under a name, and that is not deleted."""
    query = sa.select(logged_models).where(
        logged_models.c.source_run_id == run_id, logged_models.c.name == name, logged_models.c.deleted_ms.is_(None)
    )
    found = load(tx, query.order_by(logged_models.c.created_ms.desc(), logged_models.c.id).limit(1))
    return found[0] if found else None


def ids_of_run(tx: Connection, run_id: str) -> list[str]:
    """Return the logged models that a run made and that are not deleted, from old to new."""
    table = logged_models.c
    query = sa.select(table.id).where(table.source_run_id == run_id, table.deleted_ms.is_(None))
    return list(tx.scalars(query.order_by(table.created_ms, table.id)))


def params_of(tx: Connection, model_id: str, keys: Iterable[str]) -> dict[str, str]:
    table = logged_model_params.c
    query = sa.select(table.key, table.value).where(table.model_id == model_id, table.key.in_(list(keys)))
    return {row.key: row.value for row in tx.execute(query)}


def add_params(tx: Connection, model_id: str, values: dict[str, str]) -> None:
    rows = [{"model_id": model_id, "key": key, "value": value} for key, value in values.items()]
    insert_new(tx, logged_model_params, rows)


def set_tags(tx: Connection, model_id: str, tags: dict[str, str]) -> None:
    rows = [{"model_id": model_id, "key": key, "value": value} for key, value in tags.items()]
    insert_or_replace(tx, logged_model_tags, rows)


def delete_tag(tx: Connection, model_id: str, key: str) -> bool:
    """Say whether there was one."""
    here = (logged_model_tags.c.model_id == model_id) & (logged_model_tags.c.key == key)
    return tx.execute(sa.delete(logged_model_tags).where(here)).rowcount > 0


def load(tx: Connection, query: sa.Select[Any]) -> list[LoggedModel]:
    """Load what a query over ``logged_models`` selects, in its order."""
    rows = tx.execute(query).all()
    ids = [row.id for row in rows]
    params, tags = _values(tx, logged_model_params, ids), _values(tx, logged_model_tags, ids)
    metrics = logged_model_metrics.latest_of(tx, ids)
    return [
        LoggedModel(
            id=row.id,
            experiment_id=row.experiment_id,
            name=row.name,
            model_type=row.model_type,
            status=LoggedModelStatus(row.status),
            status_message=row.status_message,
            lifecycle_stage=LifecycleStage(row.lifecycle_stage),
            source_run_id=row.source_run_id,
            artifact_uri=row.artifact_uri,
            created_ms=row.created_ms,
            updated_ms=row.updated_ms,
            params=params[row.id],
            tags=tags[row.id],
            metrics=metrics[row.id],
        )
        for row in rows
    ]


def _values(tx: Connection, table: sa.Table, model_ids: Sequence[str]) -> dict[str, dict[str, str]]:
    values: dict[str, dict[str, str]] = defaultdict(dict)
    for row in tx.execute(sa.select(table).where(table.c.model_id.in_(model_ids)).order_by(table.c.key)):
        values[row.model_id][row.key] = row.value
    return values
