"""Models: register a version from a run's artifacts, look."""

from msgspec.structs import replace

from registry.core.errors import InvalidInput, NotFound
from registry.core.models import Model, ModelFile, ModelVersion
from registry.core.names import VERSION_NUMBER, check_name
from registry.core.paths import check_archive_path
from registry.operations.workspace import Workspace
from registry.store import artifacts, models, runs
from registry.store.metadata import Connection


def register_version(workspace: Workspace, name: str, run_id: str, path: str, description: str = "") -> ModelVersion:
    """Freeze what lies at ``path`` among a run's artifacts as the next version of a model, made when new.

    A file becomes a version of that one file; a folder becomes a version of what lies in it, below the folder's own
    name, as Azure ML has it in AZUREML_MODEL_DIR; "" is everything the run logged.

    Raises:
        InvalidInput: the name or path is not legal.
        NotFound: no such run, or nothing lies at the path.
    """
    check_name("model", name)
    path = path.strip("/")
    if path:
        check_archive_path(path)
    with workspace.metadata.write() as tx:
        if not runs.exists(tx, run_id):
            raise NotFound(f"there is no run {run_id!r}", run_id=run_id)
        now_ms = workspace.now_ms()
        models.touch(tx, name, now_ms)
        version = ModelVersion(
            name=name,
            version=models.next_version(tx, name),
            run_id=run_id,
            path=path,
            description=description,
            files=_freeze(tx, run_id, path),
            created_ms=now_ms,
        )
        models.insert_version(tx, version)
    return version


def list_models(workspace: Workspace) -> list[Model]:
    """Return every model with its versions, by name."""
    with workspace.metadata.read() as tx:
        return models.all_models(tx)


def get_model(workspace: Workspace, name: str) -> Model:
    """Return one model with its versions. Raises NotFound."""
    with workspace.metadata.read() as tx:
        model = models.find_model(tx, name)
    if model is None:
        raise NotFound(f"there is no model {name!r}", model=name)
    return model


def get_version(workspace: Workspace, name: str, version: str) -> ModelVersion:
    """Return one version, by its number or ``latest``.

    Raises:
        InvalidInput: the version is neither.
        NotFound: no such model or version; the message says which there are.
    """
    model = get_model(workspace, name)
    known = [one.version for one in model.versions]
    if version != "latest" and not VERSION_NUMBER.match(version):
        raise InvalidInput(f"{version!r} is not a version: write a number or 'latest'", value=version)
    number = known[-1] if version == "latest" else int(version)
    for one in model.versions:
        if one.version == number:
            return one
    there_are = ", ".join(map(str, known))
    raise NotFound(f"model {name!r} has no version {number} (there is: {there_are})", model=name, version=number)


def _freeze(tx: Connection, run_id: str, path: str) -> list[ModelFile]:
    file = artifacts.find(tx, run_id, path)
    if file is not None:
        return [replace(file, path=path.rpartition("/")[2])]
    below = artifacts.below(tx, run_id, path)
    if not below:
        raise NotFound(f"run {run_id} has no artifact at {path!r}", run_id=run_id, path=path)
    parent = path.rpartition("/")[0]
    return [replace(file, path=file.path.removeprefix(f"{parent}/")) for file in below]
