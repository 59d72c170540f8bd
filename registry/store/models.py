"""Rows of models, versions and their files."""

from collections import defaultdict
from typing import Any

import sqlalchemy as sa

from registry.core.models import Model, ModelFile, ModelVersion
from registry.store.metadata import Connection
from registry.store.schema import model_files, model_versions, models


def touch(tx: Connection, name: str, now_ms: int) -> None:
    """Make the model, or note that it changed."""
    if tx.execute(sa.update(models).where(models.c.name == name).values(updated_ms=now_ms)).rowcount == 0:
        tx.execute(sa.insert(models).values(name=name, created_ms=now_ms, updated_ms=now_ms))


def next_version(tx: Connection, name: str) -> int:
    return (tx.scalar(sa.select(sa.func.max(model_versions.c.version)).where(model_versions.c.name == name)) or 0) + 1


def insert_version(tx: Connection, version: ModelVersion) -> None:
    """Store a version of a model that exists, with at least one file."""
    key = {"name": version.name, "version": version.version}
    tx.execute(
        sa.insert(model_versions).values(
            **key,
            run_id=version.run_id,
            path=version.path,
            description=version.description,
            created_ms=version.created_ms,
        )
    )
    files = [{**key, "path": file.path, "sha256": file.sha256, "size": file.size} for file in version.files]
    tx.execute(sa.insert(model_files), files)


def find_version(tx: Connection, name: str, version: int) -> ModelVersion | None:
    query = sa.select(model_versions).where(model_versions.c.name == name, model_versions.c.version == version)
    files = sa.select(model_files).where(model_files.c.name == name, model_files.c.version == version)
    found = _load_versions(tx, query, files)
    return found[0] if found else None


def find_model(tx: Connection, name: str) -> Model | None:
    files = sa.select(model_files).where(model_files.c.name == name)
    versions = _load_versions(tx, sa.select(model_versions).where(model_versions.c.name == name), files)
    found = _load_models(tx, sa.select(models).where(models.c.name == name), versions)
    return found[0] if found else None


def all_models(tx: Connection) -> list[Model]:
    """Return every model, by name."""
    versions = _load_versions(tx, sa.select(model_versions), sa.select(model_files))
    return _load_models(tx, sa.select(models).order_by(models.c.name), versions)


def _load_models(tx: Connection, query: sa.Select[Any], versions: list[ModelVersion]) -> list[Model]:
    by_name: dict[str, list[ModelVersion]] = defaultdict(list)
    for version in versions:
        by_name[version.name].append(version)
    return [
        Model(name=row.name, versions=by_name[row.name], created_ms=row.created_ms, updated_ms=row.updated_ms)
        for row in tx.execute(query)
    ]


def _load_versions(tx: Connection, query: sa.Select[Any], files_query: sa.Select[Any]) -> list[ModelVersion]:
    files: dict[tuple[str, int], list[ModelFile]] = defaultdict(list)
    for row in tx.execute(files_query.order_by(model_files.c.path)):
        files[row.name, row.version].append(ModelFile(path=row.path, sha256=row.sha256, size=row.size))
    return [
        ModelVersion(
            name=row.name,
            version=row.version,
            run_id=row.run_id,
            path=row.path,
            description=row.description,
            files=files[row.name, row.version],
            created_ms=row.created_ms,
        )
        for row in tx.execute(query.order_by(model_versions.c.name, model_versions.c.version))
    ]
