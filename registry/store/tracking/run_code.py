"""Rows of what runs were made from. Snapshots are shared by runs of the same folder."""

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from registry.core.tracking.run_code import Environment, GitState, RunCode, Snapshot, SnapshotFile
from registry.store.metadata import Connection
from registry.store.schema import run_code, snapshots
from registry.store.upsert import insert_new, insert_or_replace


def put(tx: Connection, run_id: str, code: RunCode) -> None:
    """Store what a run was made from, in place of what was there."""
    if code.snapshot is not None:
        files = [list(msgspec.structs.astuple(file)) for file in code.snapshot.files]
        row = {"sha256": _hex(code.snapshot.digest), "size": code.snapshot.size, "files": files}
        insert_new(tx, snapshots, [row])
    patch = code.git.patch if code.git else None
    row = {
        "run_id": run_id,
        "snapshot": _hex(code.snapshot.digest) if code.snapshot else None,
        "patch": _hex(patch) if patch else None,
        "git": msgspec.to_builtins(code.git),
        "environment": msgspec.to_builtins(code.environment),
        "notes": code.notes,
    }
    insert_or_replace(tx, run_code, [row])


def find(tx: Connection, run_id: str) -> RunCode | None:
    """Return what was recorded of one run, with its snapshot's files."""
    row = tx.execute(sa.select(run_code).where(run_code.c.run_id == run_id)).one_or_none()
    if row is None:
        return None
    return _code(row, _snapshot(tx, row.snapshot) if row.snapshot else None)


def of_runs(tx: Connection, run_ids: Sequence[str]) -> dict[str, RunCode]:
    """Return what was recorded of runs, their snapshots without files."""
    query = (
        sa.select(run_code, snapshots.c.size)
        .outerjoin(snapshots, snapshots.c.sha256 == run_code.c.snapshot)
        .where(run_code.c.run_id.in_(run_ids))
    )
    return {row.run_id: _code(row, _brief(row)) for row in tx.execute(query)}


def drop_unused_snapshots(tx: Connection) -> None:
    """Forget the snapshots that no run has any more."""
    used = sa.select(run_code.c.run_id).where(run_code.c.snapshot == snapshots.c.sha256).exists()
    tx.execute(sa.delete(snapshots).where(~used))


def _code(row: sa.Row[Any], snapshot: Snapshot | None) -> RunCode:
    return RunCode(
        snapshot=snapshot,
        git=msgspec.convert(row.git, GitState | None),
        environment=msgspec.convert(row.environment, Environment | None),
        notes=row.notes,
    )


def _snapshot(tx: Connection, sha256: str) -> Snapshot:
    row = tx.execute(sa.select(snapshots).where(snapshots.c.sha256 == sha256)).one()
    names = SnapshotFile.__struct_fields__
    files = [SnapshotFile(**dict(zip(names, values, strict=True))) for values in row.files]
    return Snapshot(digest=f"sha256:{sha256}", size=row.size, files=files)


def _brief(row: sa.Row[Any]) -> Snapshot | None:
    return Snapshot(digest=f"sha256:{row.snapshot}", size=row.size) if row.snapshot else None


def _hex(digest: str) -> str:
    return digest.removeprefix("sha256:")
