"""Rows of datasets' versions and their files. A deleted version keeps its row until it is purged."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from registry.core.modelling.dataset_versions import DatasetVersion
from registry.core.modelling.models import ModelFile
from registry.store.metadata import Connection
from registry.store.schema import dataset_files, dataset_versions

_NOT_DELETED = dataset_versions.c.deleted_ms.is_(None)


def insert(tx: Connection, version: DatasetVersion) -> None:
    key = {"name": version.name, "version": version.version}
    tx.execute(
        sa.insert(dataset_versions).values(
            **key,
            description=version.description,
            tags=version.tags,
            created_ms=version.created_ms,
            created_by=version.created_by,
        )
    )
    files = [{**key, "path": file.path, "sha256": file.sha256, "size": file.size} for file in version.files]
    tx.execute(sa.insert(dataset_files), files)


def find(tx: Connection, name: str, version: int) -> DatasetVersion | None:
    found = _load(tx, _here(name, version) & _NOT_DELETED)
    return found[0] if found else None


def all_versions(tx: Connection, name: str | None = None) -> list[DatasetVersion]:
    """Return the versions of one dataset or of all, by name and then from old to new."""
    return _load(tx, _NOT_DELETED if name is None else (dataset_versions.c.name == name) & _NOT_DELETED)


def set_deleted(tx: Connection, name: str, version: int, deleted_ms: int | None) -> bool:
    """Hide a version or show it again, and say whether there is such a version."""
    change = sa.update(dataset_versions).where(_here(name, version)).values(deleted_ms=deleted_ms)
    return tx.execute(change).rowcount > 0


def deleted(tx: Connection, before_ms: int) -> list[tuple[str, int, int, list[ModelFile]]]:
    """Return name, version, time of deletion and files of what was deleted until then."""
    c = dataset_versions.c
    rows = tx.execute(sa.select(c.name, c.version, c.deleted_ms).where(c.deleted_ms <= before_ms).order_by(*_ORDER))
    gone = [(row.name, row.version, row.deleted_ms) for row in rows]
    files = _files(tx, [name for name, _, _ in gone])
    return [(name, version, at_ms, files[name, version]) for name, version, at_ms in gone]


def drop(tx: Connection, name: str, version: int) -> None:
    """Delete a version for good."""
    for table in (dataset_files, dataset_versions):
        tx.execute(sa.delete(table).where(table.c.name == name, table.c.version == version))


_ORDER = (dataset_versions.c.name, dataset_versions.c.version)


def _here(name: str, version: int) -> sa.ColumnElement[bool]:
    return (dataset_versions.c.name == name) & (dataset_versions.c.version == version)


def _load(tx: Connection, where: sa.ColumnElement[bool]) -> list[DatasetVersion]:
    rows = tx.execute(sa.select(dataset_versions).where(where).order_by(*_ORDER)).all()
    files = _files(tx, [row.name for row in rows])
    return [
        DatasetVersion(
            name=row.name,
            version=row.version,
            description=row.description,
            tags=msgspec.convert(row.tags, dict[str, str]),
            files=files[row.name, row.version],
            created_ms=row.created_ms,
            created_by=row.created_by,
        )
        for row in rows
    ]


def _files(tx: Connection, names: Sequence[str]) -> dict[tuple[Any, Any], list[ModelFile]]:
    found: dict[tuple[Any, Any], list[ModelFile]] = defaultdict(list)
    query = sa.select(dataset_files).where(dataset_files.c.name.in_(set(names))).order_by(dataset_files.c.path)
    for row in tx.execute(query):
        found[row.name, row.version].append(ModelFile(path=row.path, sha256=row.sha256, size=row.size))
    return found
