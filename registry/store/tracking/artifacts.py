"""Rows of the files that runs and logged models keep: path → blob. ``owner_id`` is the id of either."""

import sqlalchemy as sa

from registry.core.modelling.models import ModelFile
from registry.store.metadata import Connection
from registry.store.schema import artifacts


def put(tx: Connection, owner_id: str, file: ModelFile) -> None:
    """Store a path; one that is there gets the new content."""
    here = (artifacts.c.owner_id == owner_id) & (artifacts.c.path == file.path)
    values = {"sha256": file.sha256, "size": file.size}
    if tx.execute(sa.update(artifacts).where(here).values(values)).rowcount == 0:
        tx.execute(sa.insert(artifacts).values(owner_id=owner_id, path=file.path, **values))


def find(tx: Connection, owner_id: str, path: str) -> ModelFile | None:
    query = sa.select(artifacts).where(artifacts.c.owner_id == owner_id, artifacts.c.path == path)
    row = tx.execute(query).one_or_none()
    return ModelFile(path=row.path, sha256=row.sha256, size=row.size) if row else None


def below(tx: Connection, owner_id: str, folder: str) -> list[ModelFile]:
    """Return every file below a folder ("" is all), with whole paths, sorted."""
    query = sa.select(artifacts).where(artifacts.c.owner_id == owner_id)
    if folder:
        query = query.where(artifacts.c.path.startswith(f"{folder}/", autoescape=True))
    rows = tx.execute(query.order_by(artifacts.c.path))
    # LIKE knows no case in SQLite, so what it lets through is looked at again.
    prefix = f"{folder}/" if folder else ""
    files = [ModelFile(path=row.path, sha256=row.sha256, size=row.size) for row in rows]
    return [file for file in files if file.path.startswith(prefix)]


def delete(tx: Connection, owner_id: str, path: str) -> None:
    """Forget a file, or all files below a folder. The blobs stay: others may share them."""
    for file in [path, *(file.path for file in below(tx, owner_id, path))]:
        tx.execute(sa.delete(artifacts).where(artifacts.c.owner_id == owner_id, artifacts.c.path == file))
