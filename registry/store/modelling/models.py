"""Rows of models and their tags. A deleted model keeps its row, so that its name and numbers are remembered."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from registry.core.modelling.models import Model, ModelEntry, ModelVersion
from registry.store.metadata import Connection
from registry.store.modelling import model_labels, model_versions
from registry.store.schema import model_tags, models
from registry.store.upsert import insert_or_replace


def create(tx: Connection, name: str, description: str, now_ms: int) -> None:
    """Make a model; one that was deleted begins anew."""
    values = {"description": description, "created_ms": now_ms, "updated_ms": now_ms, "deleted_ms": None}
    tx.execute(sa.delete(model_tags).where(model_tags.c.name == name))
    insert_or_replace(tx, models, [{"name": name, **values}])


def touch(tx: Connection, name: str, now_ms: int) -> None:
    """Note that a model changed."""
    tx.execute(sa.update(models).where(models.c.name == name).values(updated_ms=now_ms))


def set_description(tx: Connection, name: str, description: str) -> None:
    tx.execute(sa.update(models).where(models.c.name == name).values(description=description))


def set_deleted(tx: Connection, name: str, deleted_ms: int | None) -> None:
    """Hide a model, or show it again; its versions are others' business."""
    tx.execute(sa.update(models).where(models.c.name == name).values(deleted_ms=deleted_ms))


def deleted_ms(tx: Connection, name: str) -> int | None:
    """Return when the model was deleted; None if it is not, or never was."""
    return tx.scalar(sa.select(models.c.deleted_ms).where(models.c.name == name))


def set_tags(tx: Connection, name: str, tags: dict[str, str]) -> None:
    insert_or_replace(tx, model_tags, [{"name": name, "key": key, "value": value} for key, value in tags.items()])


def delete_tag(tx: Connection, name: str, key: str) -> bool:
    """Say whether there was one."""
    here = (model_tags.c.name == name) & (model_tags.c.key == key)
    return tx.execute(sa.delete(model_tags).where(here)).rowcount > 0


def find_entry(tx: Connection, name: str) -> ModelEntry | None:
    """Return a model that is not deleted."""
    found = entries(tx, sa.select(models).where(models.c.name == name, models.c.deleted_ms.is_(None)))
    return found[0] if found else None


def find_model(tx: Connection, name: str) -> Model | None:
    """Return a model that is not deleted, with its versions."""
    entry = find_entry(tx, name)
    return _with_versions([entry], model_versions.of_model(tx, name))[0] if entry else None


def all_models(tx: Connection) -> list[Model]:
    """Return every model, by name."""
    found = entries(tx, sa.select(models).where(models.c.deleted_ms.is_(None)).order_by(models.c.name))
    return _with_versions(found, model_versions.all_versions(tx))


def entries(tx: Connection, query: sa.Select[Any]) -> list[ModelEntry]:
    """Load what a query over ``models`` selects, in its order."""
    rows = tx.execute(query).all()
    names = [row.name for row in rows]
    tags: dict[str, dict[str, str]] = defaultdict(dict)
    for row in tx.execute(sa.select(model_tags).where(model_tags.c.name.in_(names)).order_by(model_tags.c.key)):
        tags[row.name][row.key] = row.value
    aliases = model_labels.aliases_of(tx, names)
    return [
        ModelEntry(
            name=row.name,
            description=row.description,
            tags=tags[row.name],
            aliases=aliases[row.name],
            created_ms=row.created_ms,
            updated_ms=row.updated_ms,
        )
        for row in rows
    ]


def _with_versions(found: Sequence[ModelEntry], versions: Sequence[ModelVersion]) -> list[Model]:
    by_name: dict[str, list[ModelVersion]] = defaultdict(list)
    for version in versions:
        by_name[version.name].append(version)
    return [
        Model(
            name=entry.name,
            description=entry.description,
            tags=entry.tags,
            aliases=entry.aliases,
            created_ms=entry.created_ms,
            updated_ms=entry.updated_ms,
            versions=by_name[entry.name],
        )
        for entry in found
    ]
