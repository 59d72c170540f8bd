"""What a version is frozen from: an MLflow source or an address, resolved to the exact files that lie there now."""

from typing import NamedTuple

from msgspec.structs import replace

from registry.core.errors import InvalidInput, NotFound
from registry.core.modelling.models import PROMPT_TAG, ModelFile
from registry.core.modelling.sources import check_no_climbing, parse_source
from registry.core.tracking.artifacts import ArtifactAddress, LoggedModelFiles, RunFiles, VersionFiles
from registry.operations.modelling.logged_models import get_within as get_logged_model_within
from registry.operations.modelling.models import get_version_within
from registry.operations.tracking.artifacts import files_within
from registry.store.metadata import Connection
from registry.store.modelling import logged_models


class Frozen(NamedTuple):
    """Files with the paths they have in a version; ``path`` is where they lay."""

    files: list[ModelFile]
    path: str
    run_id: str | None = None
    logged_model_id: str | None = None


def freeze_source(tx: Connection, source: str, *, run_id: str, logged_model_id: str, tags: dict[str, str]) -> Frozen:
    """Resolve a source. One that lies outside, and a prompt's, has no files here.

    Raises:
        InvalidInput: it climbs, names nothing here, or contradicts ``run_id`` or ``logged_model_id``.
    """
    check_no_climbing(source)
    prompt = tags.get(PROMPT_TAG, "").lower() == "true"
    address = None if prompt else parse_source(source)
    try:
        logged = get_logged_model_within(tx, logged_model_id) if logged_model_id else None
        frozen = Frozen([], "") if address is None else freeze(tx, address)
    except NotFound as error:
        raise InvalidInput(f"Invalid model version source: {source!r}: {error.message}", **error.details) from error
    its_run_id = frozen.run_id or (logged.source_run_id if logged else None)
    for name, given, found in (
        ("run_id", run_id, its_run_id),
        ("model_id", logged_model_id, frozen.logged_model_id),
        ("the logged model's run", logged.source_run_id if logged else None, frozen.run_id),
    ):
        if given and found and given != found:
            raise InvalidInput(f"Invalid model version source: {source!r} is of {found!r}, not of {name} {given!r}")
    return frozen._replace(
        run_id=its_run_id or run_id or None, logged_model_id=frozen.logged_model_id or logged_model_id or None
    )


def freeze(tx: Connection, address: ArtifactAddress) -> Frozen:
    """Return the files at an address: a folder keeps its own name, a file is alone.

    A run's path where nothing lies may be the name of a model that the run logged: MLflow 3 writes
    ``runs:/RUN/NAME`` for it.

    Raises:
        NotFound: no such owner, or nothing lies there.
    """
    owner, path = address
    files = files_within(tx, address)
    match owner:
        case RunFiles(run_id=run_id):
            logged = logged_models.of_run(tx, run_id, path) if path and not files else None
            if logged is not None:
                return freeze(tx, ArtifactAddress(LoggedModelFiles(logged.id), ""))
            if not files:
                raise NotFound(f"run {run_id} has no artifact at {path!r}", run_id=run_id, path=path)
            return Frozen(_below_own_name(files, path), path, run_id)
        case LoggedModelFiles(model_id=model_id):
            if not files:
                raise NotFound(f"logged model {model_id} has no file at {path!r}", model_id=model_id, path=path)
            model = get_logged_model_within(tx, model_id)
            return Frozen(_below_own_name(files, path), path, model.source_run_id, model_id)
        case VersionFiles(name=name, version=number):
            version = get_version_within(tx, name, number)
            if path:
                raise NotFound(f"a version is registered again whole, not its {path!r}", path=path)
            return Frozen(version.files, version.path, version.run_id, version.logged_model_id)


def _below_own_name(files: list[ModelFile], path: str) -> list[ModelFile]:
    parent = f"{path.rpartition('/')[0]}/"
    return [replace(file, path=file.path.removeprefix(parent)) if "/" in path else file for file in files]
