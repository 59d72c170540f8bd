"""Keep what a run was made from, and tell it: what was recorded, and where nothing was, what MLflow's client left."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from msgspec.structs import replace

from registry.core.errors import InvalidInput, NotFound, WrongState
from registry.core.modelling.models import ModelFile
from registry.core.tracking import mlflow_code
from registry.core.tracking.run_code import (
    MAX_PATCH_BYTES,
    Environment,
    GitState,
    NewRunCode,
    RunCode,
    check_environment,
    check_git,
    check_notes,
)
from registry.core.tracking.runs import check_active
from registry.operations.tracking.run_lookup import find_run
from registry.operations.tracking.snapshots import read_snapshot
from registry.operations.upkeep import blob_claims
from registry.operations.workspace import Workspace
from registry.store.blobs import Blobs
from registry.store.metadata import Connection
from registry.store.modelling import logged_models
from registry.store.tracking import artifacts, run_code

MAX_DESCRIPTION_BYTES = 1 << 20
T = TypeVar("T")


def record_code(workspace: Workspace, run_id: str, new: NewRunCode) -> RunCode:
    """Keep snapshot, git state and environment with a run: each part once, then it never changes.

    Saying the same again changes nothing, and parts may come one after the other.

    Raises:
        NotFound: no such run, or a blob that has not been uploaded.
        InvalidInput: a part breaks a rule, or the snapshot is not a zip of plain files.
        WrongState: the run is deleted, or has another snapshot, git state or environment already.
        Unavailable: a purge deleted a blob meanwhile.
    """
    since = blob_claims.begin(workspace)
    snapshot = read_snapshot(workspace.blobs, new.snapshot) if new.snapshot else None
    git = _checked_git(workspace.blobs, new.git) if new.git else None
    environment = check_environment(new.environment) if new.environment else None
    with workspace.metadata.write() as tx:
        run = find_run(tx, run_id)
        check_active("run", run.id, run.lifecycle_stage)
        uploaded = [digest for digest in (new.snapshot, git.patch if git else None) if digest]
        blob_claims.check(workspace, tx, uploaded, since)
        before = run_code.find(tx, run.id) or RunCode()
        kept = RunCode(
            snapshot=_kept(run.id, "snapshot", before.snapshot, snapshot),
            git=_kept(run.id, "state of git", before.git, git),
            environment=_kept(run.id, "environment", before.environment, environment),
            notes=check_notes([*before.notes, *new.notes]),
        )
        run_code.put(tx, run.id, kept)
    return kept


def get_code(workspace: Workspace, run_id: str) -> RunCode:
    """Return what is known of a run's code and environment. Raises NotFound."""
    with workspace.metadata.read() as tx:
        run = find_run(tx, run_id)
        recorded = run_code.find(tx, run.id)
        files = files_beside_models(tx, run.id)
    return complete(workspace.blobs, run.tags, recorded, files)


def complete(blobs: Blobs, tags: Mapping[str, str], recorded: RunCode | None, files: Sequence[ModelFile]) -> RunCode:
    """Return what was recorded, completed by the run's MLflow tags and by the files beside a logged model."""
    code = recorded or RunCode()
    return replace(
        code,
        git=code.git or mlflow_code.git_of(tags),
        environment=code.environment or read_environment(blobs, files),
        script=tags.get(mlflow_code.SCRIPT_TAG),
    )


def files_beside_models(tx: Connection, run_id: str) -> list[ModelFile]:
    """Return the files that describe an environment, of the first model that the run logged."""
    for owner in (run_id, *logged_models.ids_of_run(tx, run_id)):
        if described := describing(artifacts.below(tx, owner, "")):
            return described
    return []


def describing(files: Sequence[ModelFile]) -> list[ModelFile]:
    """Return those that describe an environment, of the first folder that has any."""
    described = [file for file in files if _name(file) in mlflow_code.FILES]
    return [file for file in described if _folder(file) == _folder(described[0])]


def read_environment(blobs: Blobs, files: Sequence[ModelFile]) -> Environment | None:
    """Return the environment that the files of one logged model describe; None if none does."""
    by_name = {_name(file): file for file in files if file.size <= MAX_DESCRIPTION_BYTES}

    def read(name: str) -> bytes | None:
        try:
            return blobs.get(f"sha256:{by_name[name].sha256}") if name in by_name else None
        except NotFound:  # `slipway registry verify` tells of it; a listing must not fail for it
            return None

    return mlflow_code.environment_of(read)


def _name(file: ModelFile) -> str:
    return file.path.rpartition("/")[2]


def _folder(file: ModelFile) -> str:
    return file.path.rpartition("/")[0]


def _checked_git(blobs: Blobs, git: GitState) -> GitState:
    git = check_git(git)
    size = blobs.size(git.patch) if git.patch else 0
    if size > MAX_PATCH_BYTES:
        raise InvalidInput(f"$.git.patch: it has {size:,} bytes, at most {MAX_PATCH_BYTES:,}", path="$.git.patch")
    return replace(git, patch_bytes=size)


def _kept(run_id: str, what: str, before: T | None, new: T | None) -> T | None:
    if before is not None and new is not None and before != new:
        raise WrongState(
            f"run {run_id} has another {what} already: what a run was made from does not change", run=run_id
        )
    return new if before is None else before
