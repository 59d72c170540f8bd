"""Rows of versions, their files and tags. A deleted version keeps its row: its number is never given again."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from registry.core.modelling.models import ModelFile, ModelVersion, Stage, VersionEntry
from registry.store import counters
from registry.store.metadata import Connection
from registry.store.modelling import model_labels
from registry.store.schema import logged_models, model_files, model_version_tags, model_versions
from registry.store.upsert import insert_or_replace

_BY_NUMBER = (model_versions.c.name, model_versions.c.version)
_NOT_DELETED = model_versions.c.deleted_ms.is_(None)


def next_number(tx: Connection, name: str) -> int:
    """Return the first number that no version of the model ever had, not even one that was purged."""
    highest = tx.scalar(sa.select(sa.func.max(model_versions.c.version)).where(model_versions.c.name == name)) or 0
    return max(highest, counters.read(tx, counters.model_versions_of(name))) + 1


def insert(tx: Connection, version: ModelVersion) -> None:
    """Store a version of a model that exists, without its aliases."""
    key = {"name": version.name, "version": version.version}
    tx.execute(
        sa.insert(model_versions).values(
            **key,
            run_id=version.run_id,
            path=version.path,
            description=version.description,
            created_ms=version.created_ms,
            updated_ms=version.updated_ms,
            source=version.source,
            logged_model_id=version.logged_model_id,
            user_id=version.user_id,
            run_link=version.run_link,
            stage=version.stage,
            status=version.status,
            status_message=version.status_message,
        )
    )
    files = [{**key, "path": file.path, "sha256": file.sha256, "size": file.size} for file in version.files]
    if files:
        tx.execute(sa.insert(model_files), files)
    set_tags(tx, version.name, version.version, version.tags)


def update(tx: Connection, version: VersionEntry) -> None:
    """Store what can change of a version."""
    values = {"description": version.description, "stage": version.stage, "updated_ms": version.updated_ms}
    tx.execute(sa.update(model_versions).where(_here(version.name, version.version)).values(values))


def set_deleted(tx: Connection, name: str, version: int, deleted_ms: int | None) -> None:
    """Hide a version, or show it again."""
    tx.execute(sa.update(model_versions).where(_here(name, version)).values(deleted_ms=deleted_ms))


def deleted(tx: Connection, name: str) -> dict[int, int]:
    """Return number → time of deletion, of the deleted versions."""
    query = sa.select(model_versions.c.version, model_versions.c.deleted_ms).where(
        model_versions.c.name == name, ~_NOT_DELETED
    )
    return {row.version: row.deleted_ms for row in tx.execute(query.order_by(model_versions.c.version))}


def copy(tx: Connection, name: str, new_name: str) -> None:
    """Give a model that exists and has no versions those of another, deleted ones too, with files and tags."""
    for table in (model_versions, model_files, model_version_tags):
        columns = [sa.literal(new_name) if column.name == "name" else column for column in table.c]
        rows = sa.select(*columns).where(table.c.name == name)
        tx.execute(sa.insert(table).from_select([column.name for column in table.c], rows))


def set_tags(tx: Connection, name: str, version: int, tags: dict[str, str]) -> None:
    rows = [{"name": name, "version": version, "key": key, "value": value} for key, value in tags.items()]
    insert_or_replace(tx, model_version_tags, rows)


def delete_tag(tx: Connection, name: str, version: int, key: str) -> bool:
    """Say whether there was one."""
    table = model_version_tags.c
    here = (table.name == name) & (table.version == version) & (table.key == key)
    return tx.execute(sa.delete(model_version_tags).where(here)).rowcount > 0


def find(tx: Connection, name: str, version: int) -> ModelVersion | None:
    """Return a version that is not deleted, with its files."""
    found = _with_files(tx, _here(name, version))
    return found[0] if found else None


def of_model(tx: Connection, name: str) -> list[ModelVersion]:
    """Return a model's versions with their files, ascending."""
    return _with_files(tx, model_versions.c.name == name)


def all_versions(tx: Connection) -> list[ModelVersion]:
    """Return every version with its files, by name and number."""
    return _with_files(tx, sa.true())


def made_by(tx: Connection, run_ids: Collection[str]) -> list[tuple[str, str, int]]:
    """Return (run, model, version) of the versions that came from runs, or from logged models of theirs."""
    c, made = model_versions.c, sa.func.coalesce(model_versions.c.run_id, logged_models.c.source_run_id)
    query = (
        sa.select(made, c.name, c.version)
        .outerjoin(logged_models, logged_models.c.id == c.logged_model_id)
        .where(_NOT_DELETED, sa.or_(c.run_id.in_(list(run_ids)), logged_models.c.source_run_id.in_(list(run_ids))))
        .order_by(*_BY_NUMBER)
    )
    return [(row[0], row[1], row[2]) for row in tx.execute(query)]


def entries_of(tx: Connection, names: Sequence[str]) -> list[VersionEntry]:
    """Return the versions of models without their files, by name and number."""
    query = sa.select(model_versions).where(model_versions.c.name.in_(names), _NOT_DELETED)
    return entries(tx, query.order_by(*_BY_NUMBER))


def entries(tx: Connection, query: sa.Select[Any]) -> list[VersionEntry]:
    """Load what a query over ``model_versions`` selects, in its order."""
    rows = tx.execute(query).all()
    names = sorted({row.name for row in rows})
    tags = _tags(tx, names)
    aliases: dict[tuple[str, int], list[str]] = defaultdict(list)
    for name, its_aliases in model_labels.aliases_of(tx, names).items():
        for alias, version in its_aliases.items():
            aliases[name, version].append(alias)
    return [_entry(row, tags[row.name, row.version], aliases[row.name, row.version]) for row in rows]


def _with_files(tx: Connection, where: sa.ColumnElement[bool]) -> list[ModelVersion]:
    query = sa.select(model_versions).where(where, _NOT_DELETED).order_by(*_BY_NUMBER)
    found = entries(tx, query)
    files: dict[tuple[str, int], list[ModelFile]] = defaultdict(list)
    of_version = (model_files.c.name == model_versions.c.name) & (model_files.c.version == model_versions.c.version)
    its_files = sa.select(model_files).join(model_versions, of_version).where(where, _NOT_DELETED)
    for row in tx.execute(its_files.order_by(model_files.c.path)):
        files[row.name, row.version].append(ModelFile(path=row.path, sha256=row.sha256, size=row.size))
    return [ModelVersion(**msgspec.structs.asdict(one), files=files[one.name, one.version]) for one in found]


def _tags(tx: Connection, names: Sequence[str]) -> dict[tuple[str, int], dict[str, str]]:
    tags: dict[tuple[str, int], dict[str, str]] = defaultdict(dict)
    query = sa.select(model_version_tags).where(model_version_tags.c.name.in_(names))
    for row in tx.execute(query.order_by(model_version_tags.c.key)):
        tags[row.name, row.version][row.key] = row.value
    return tags


def _entry(row: sa.Row[Any], tags: dict[str, str], aliases: list[str]) -> VersionEntry:
    return VersionEntry(
        name=row.name,
        version=row.version,
        run_id=row.run_id,
        path=row.path,
        description=row.description,
        created_ms=row.created_ms,
        updated_ms=row.updated_ms,
        source=row.source,
        logged_model_id=row.logged_model_id,
        user_id=row.user_id,
        run_link=row.run_link,
        stage=Stage(row.stage),
        status=row.status,
        status_message=row.status_message,
        tags=tags,
        aliases=aliases,
    )


def _here(name: str, version: int) -> sa.ColumnElement[bool]:
    return (model_versions.c.name == name) & (model_versions.c.version == version)
