"""Versions: frozen from what a run, a logged model or a person has, described, staged, deleted and restored."""

from collections.abc import Sequence

from msgspec.structs import replace

from registry.core.errors import InvalidInput, WrongState
from registry.core.modelling.models import (
    ModelFile,
    ModelVersion,
    Stage,
    check_tags,
    no_model,
)
from registry.core.names import check_name
from registry.core.paths import check_archive_path, check_archive_paths
from registry.core.rest import ImportedFile
from registry.core.tracking.artifacts import ArtifactAddress, RunFiles, version_uri
from registry.operations.modelling import model_ledger as ledger
from registry.operations.modelling.model_sources import Frozen, freeze, freeze_source
from registry.operations.modelling.model_users import check_unused
from registry.operations.modelling.models import ensure_within, get_version_within, get_within
from registry.operations.tracking.run_lookup import find_run
from registry.operations.upkeep import blob_claims
from registry.operations.workspace import Workspace
from registry.store.metadata import Connection
from registry.store.modelling import model_versions, models
from registry.store.tracking import runs

MAX_RUN_ID = 32


def register_version(
    workspace: Workspace, name: str, run_id: str, path: str, description: str = "", who: str = ""
) -> ModelVersion:
    """Freeze what lies at ``path`` among a run's artifacts as the next version of a model, made when new.

    A file becomes a version of that one file; a folder becomes a version of what lies in it, below the folder's own
    name, as Azure ML has it in AZUREML_MODEL_DIR; "" is everything the run logged.

    Raises:
        InvalidInput: the name or path is not legal, or ``run_id`` is too little of an id.
        NotFound: no such run, or nothing lies at the path.
    """
    check_name("model", name)
    path = path.strip("/")
    if path:
        check_archive_path(path)
    with workspace.metadata.write() as tx:
        run_id = find_run(tx, run_id).id
        frozen = freeze(tx, ArtifactAddress(RunFiles(run_id), path))
        return _insert(tx, workspace, name, frozen, source=f"runs:/{run_id}/{path}", description=description, who=who)


def create_version(
    workspace: Workspace,
    name: str,
    *,
    source: str,
    run_id: str = "",
    logged_model_id: str = "",
    run_link: str = "",
    description: str = "",
    tags: dict[str, str] | None = None,
    who: str = "",
) -> ModelVersion:
    """Freeze what an MLflow source names as the next version of a model that is there.

    A run that has a ``run_link`` may be another tracking server's.

    Raises:
        NotFound: no such model.
        InvalidInput: the source climbs, names nothing here, or contradicts ``run_id`` or ``logged_model_id``; a tag
            passes a limit.
    """
    check_tags(tags or {})
    with workspace.metadata.write() as tx:
        model = get_within(tx, name)
        if run_id and (len(run_id) > MAX_RUN_ID or not (run_link or runs.exists(tx, run_id))):
            raise InvalidInput(f"Invalid value {run_id[:80]!r} for parameter 'run_id': there is no such run here")
        frozen = freeze_source(
            tx, source, run_id=run_id, logged_model_id=logged_model_id, tags={**model.tags, **(tags or {})}
        )
        return _insert(
            tx, workspace, name, frozen, source=source, description=description, run_link=run_link, tags=tags, who=who
        )


def import_version(
    workspace: Workspace, name: str, files: Sequence[ImportedFile], *, path: str, description: str = "", who: str = ""
) -> ModelVersion:
    """Make uploaded blobs the next version of a model, made when new.

    Raises:
        InvalidInput: the name or a path is not legal, a path comes twice or is a folder too, or there is no file.
        NotFound: a blob has not been uploaded.
        Unavailable: a purge deleted one meanwhile.
    """
    check_name("model", name)
    check_archive_paths([file.path for file in files])
    if path:
        check_archive_path(path)
    since = blob_claims.begin(workspace)
    stored = [
        ModelFile(path=file.path, sha256=file.digest.removeprefix("sha256:"), size=workspace.blobs.size(file.digest))
        for file in sorted(files, key=lambda file: file.path)
    ]
    with workspace.metadata.write() as tx:
        blob_claims.check(workspace, tx, [file.digest for file in files], since)
        return _insert(tx, workspace, name, Frozen(stored, path), source="", description=description, who=who)


def describe_version(workspace: Workspace, name: str, version: int, description: str | None) -> ModelVersion:
    """Replace a version's description, unless it is None. Raises NotFound."""
    with workspace.metadata.write() as tx:
        before = get_version_within(tx, name, version)
        if description is not None:
            before = replace(before, description=description)
        return _update(tx, workspace, before)


def move_to_stage(
    workspace: Workspace, name: str, version: int, stage: Stage, *, archive_others: bool, who: str = ""
) -> ModelVersion:
    """Put a version in a stage; the others in it are archived if asked.

    Raises:
        NotFound: no such version.
        InvalidInput: others can be archived only out of Staging and Production.
    """
    if archive_others and stage not in (Stage.STAGING, Stage.PRODUCTION):
        raise InvalidInput(
            f"Invalid value for parameter 'archive_existing_versions': versions can be archived when one moves to "
            f"{Stage.STAGING} or {Stage.PRODUCTION}, not to {stage}"
        )
    with workspace.metadata.write() as tx:
        moved, meant, now_ms = get_version_within(tx, name, version), ledger.stages(tx, name), workspace.now_ms()
        for other in model_versions.entries_of(tx, [name]) if archive_others else []:
            if other.stage is stage and other.version != version:
                model_versions.update(tx, replace(other, stage=Stage.ARCHIVED, updated_ms=now_ms))
        model_versions.update(tx, replace(moved, stage=stage, updated_ms=now_ms))
        models.touch(tx, name, now_ms)
        ledger.note_stages(tx, name, meant, at_ms=now_ms, who=who)
        return get_version_within(tx, name, version)


def delete_version(workspace: Workspace, name: str, version: int, who: str = "") -> None:
    """Hide a version; aliases that point at it go away.

    Raises:
        NotFound: no such version.
        WrongState: a deployment uses it.
    """
    with workspace.metadata.write() as tx:
        get_version_within(tx, name, version)
        check_unused(tx, name, version)
        meant, now_ms = ledger.stages(tx, name), workspace.now_ms()
        for alias, number in get_within(tx, name).aliases.items():
            if number == version:
                ledger.delete_alias(tx, name, alias, at_ms=now_ms, who=who)
        model_versions.set_deleted(tx, name, version, now_ms)
        models.touch(tx, name, now_ms)
        ledger.note_stages(tx, name, meant, at_ms=now_ms, who=who)


def restore_version(workspace: Workspace, name: str, version: int, who: str = "") -> ModelVersion:
    """Show a deleted version again; aliases stay away.

    Raises:
        NotFound: no such model, or it never had the version.
        WrongState: the version is not deleted, or its model is.
    """
    with workspace.metadata.write() as tx:
        if models.deleted_ms(tx, name) is not None:
            raise WrongState(f"model {name!r} is deleted: restore it first", model=name)
        if models.find_entry(tx, name) is None:
            raise no_model(name)
        if version not in model_versions.deleted(tx, name):
            get_version_within(tx, name, version)
            raise WrongState(f"version {version} of model {name!r} is not deleted", model=name, version=version)
        meant, now_ms = ledger.stages(tx, name), workspace.now_ms()
        model_versions.set_deleted(tx, name, version, None)
        models.touch(tx, name, now_ms)
        ledger.note_stages(tx, name, meant, at_ms=now_ms, who=who)
        return get_version_within(tx, name, version)


def set_tag(workspace: Workspace, name: str, version: int, key: str, value: str) -> None:
    """Set a version's tag.

    Raises:
        NotFound: no such version.
        InvalidInput: a limit is passed.
    """
    check_tags({key: value})
    with workspace.metadata.write() as tx:
        before = get_version_within(tx, name, version)
        model_versions.set_tags(tx, name, version, {key: value})
        _update(tx, workspace, before)


def delete_tag(workspace: Workspace, name: str, version: int, key: str) -> None:
    """Delete a version's tag; one that is not there is fine. Raises NotFound."""
    with workspace.metadata.write() as tx:
        before = get_version_within(tx, name, version)
        if model_versions.delete_tag(tx, name, version, key):
            _update(tx, workspace, before)


def download_uri(version: ModelVersion) -> str:
    """Return where MLflow's client finds the version's files: here, or at the source of one that has none here."""
    return version_uri(version.name, version.version) if version.files else version.source


def _update(tx: Connection, workspace: Workspace, version: ModelVersion) -> ModelVersion:
    now_ms = workspace.now_ms()
    model_versions.update(tx, replace(version, updated_ms=now_ms))
    models.touch(tx, version.name, now_ms)
    return get_version_within(tx, version.name, version.version)


def _insert(
    tx: Connection,
    workspace: Workspace,
    name: str,
    frozen: Frozen,
    *,
    source: str,
    description: str,
    run_link: str = "",
    tags: dict[str, str] | None = None,
    who: str,
) -> ModelVersion:
    now_ms = workspace.now_ms()
    ensure_within(tx, name, now_ms)
    number = model_versions.next_number(tx, name)
    run = runs.find(tx, frozen.run_id) if frozen.run_id else None
    version = ModelVersion(
        name=name,
        version=number,
        run_id=frozen.run_id,
        path=frozen.path,
        description=description,
        files=frozen.files,
        created_ms=now_ms,
        updated_ms=now_ms,
        source=source or version_uri(name, number),
        logged_model_id=frozen.logged_model_id,
        user_id=who or (run.user_id if run else ""),
        run_link=run_link,
        tags=tags or {},
    )
    model_versions.insert(tx, version)
    return version
