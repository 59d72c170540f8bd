"""Which blobs the metadata refers to, from where."""

from collections.abc import Collection, Iterator
from typing import NamedTuple

import msgspec
import sqlalchemy as sa

from registry.core.tracking.run_code import GitState
from registry.store.metadata import Connection
from registry.store.schema import artifacts, dataset_files, model_files, run_code, snapshots


class Reference(NamedTuple):
    """``where`` names the file for a person: ``run a1b2…/model/model.onnx``, ``model cancer:3/model.onnx``."""

    sha256: str
    size: int
    where: str


def all_references(tx: Connection) -> Iterator[Reference]:
    """Return every file of every run, logged model, model version and dataset, and what runs were made from."""
    for row in tx.execute(sa.select(artifacts)):
        kind = "logged model" if row.owner_id.startswith("m-") else "run"
        yield Reference(row.sha256, row.size, f"{kind} {row.owner_id}/{row.path}")
    for row in tx.execute(sa.select(model_files)):
        yield Reference(row.sha256, row.size, f"model {row.name}:{row.version}/{row.path}")
    for row in tx.execute(sa.select(snapshots.c.sha256, snapshots.c.size)):
        yield Reference(row.sha256, row.size, f"snapshot sha256:{row.sha256}")
    for row in tx.execute(sa.select(run_code.c.run_id, run_code.c.git).where(run_code.c.patch.is_not(None))):
        git = msgspec.convert(row.git, GitState)
        yield Reference((git.patch or "").removeprefix("sha256:"), git.patch_bytes, f"run {row.run_id}, git patch")
    for row in tx.execute(sa.select(dataset_files)):
        yield Reference(row.sha256, row.size, f"dataset {row.name}:{row.version}/{row.path}")


def referenced(tx: Connection, digests: Collection[str]) -> set[str]:
    """Return those of some digests that any file, snapshot or patch has."""
    names = [digest.removeprefix("sha256:") for digest in digests]
    columns = (artifacts.c.sha256, model_files.c.sha256, dataset_files.c.sha256, snapshots.c.sha256, run_code.c.patch)
    found = {name for column in columns for name in tx.scalars(sa.select(column).where(column.in_(names)).distinct())}
    return {f"sha256:{name}" for name in found}
