"""The files of runs. An address is ``<experiment id>/<run id>/artifacts/<path>``, as MLflow's clients build it."""

from typing import NamedTuple

from registry.core.errors import InvalidInput, NotFound
from registry.core.models import ModelFile
from registry.core.paths import check_archive_path
from registry.operations.tracking import get_run_within
from registry.operations.workspace import Workspace
from registry.store import artifacts
from registry.store.blobs import StoredBlob
from registry.store.metadata import Connection

FOLDER = "artifacts"
MIN_PARTS = 3


class ArtifactAddress(NamedTuple):
    """``path`` is "" for everything that the run logged."""

    experiment_id: str
    run_id: str
    path: str


class ListedFile(NamedTuple):
    """An entry of a folder; ``path`` is its name in it, ``size`` is None for a folder."""

    path: str
    size: int | None


def parse_address(text: str) -> ArtifactAddress:
    """Split an address.

    Raises:
        InvalidInput: a part climbs, is empty, or the address is not a run's.
    """
    text = text.rstrip("/")
    try:
        check_archive_path(text)
    except InvalidInput as error:
        raise InvalidInput("Invalid path", path=text) from error
    parts = text.split("/")
    if len(parts) < MIN_PARTS or parts[2] != FOLDER:
        raise InvalidInput(
            f"Invalid path {text!r}: artifacts lie below EXPERIMENT_ID/RUN_ID/{FOLDER}; others are not supported yet",
            path=text,
        )
    return ArtifactAddress(parts[0], parts[1], "/".join(parts[3:]))


def check_can_receive(workspace: Workspace, address: ArtifactAddress) -> None:
    """Raise before the body is read, if it could not be kept.

    Raises:
        InvalidInput: the address names no file.
        NotFound: no such run in that experiment.
    """
    if not address.path:
        raise InvalidInput("Invalid path: it names a folder, not a file")
    with workspace.metadata.read() as tx:
        _check_run(tx, address)


def record_artifact(workspace: Workspace, address: ArtifactAddress, blob: StoredBlob) -> None:
    """Make a blob that is stored the run's file at the address, in place of what was there.

    Raises:
        NotFound: no such run in that experiment.
        InvalidInput: the path leads through a file, or is a folder.
    """
    file = ModelFile(path=address.path, sha256=blob.digest.removeprefix("sha256:"), size=blob.size)
    with workspace.metadata.write() as tx:
        _check_run(tx, address)
        parents = address.path.split("/")[:-1]
        for depth in range(1, len(parents) + 1):
            parent = "/".join(parents[:depth])
            if artifacts.find(tx, address.run_id, parent) is not None:
                raise InvalidInput(f"Invalid path {address.path!r}: {parent!r} is a file")
        if artifacts.below(tx, address.run_id, address.path):
            raise InvalidInput(f"Invalid path {address.path!r}: it is a folder")
        artifacts.put(tx, address.run_id, file)


def get_artifact(workspace: Workspace, address: ArtifactAddress) -> ModelFile:
    """Return what is at an address. Raises NotFound."""
    with workspace.metadata.read() as tx:
        _check_run(tx, address)
        file = artifacts.find(tx, address.run_id, address.path)
    if file is None:
        raise NotFound(f"run {address.run_id} has no artifact {address.path!r}", run_id=address.run_id)
    return file


def list_artifacts(workspace: Workspace, address: ArtifactAddress) -> list[ListedFile]:
    """Return the entries of a folder, by name; of a file, itself; of nothing, nothing. Raises NotFound for the run."""
    with workspace.metadata.read() as tx:
        _check_run(tx, address)
        file = artifacts.find(tx, address.run_id, address.path)
        below = artifacts.below(tx, address.run_id, address.path)
    if file is not None:
        return [ListedFile(file.path.rpartition("/")[2], file.size)]
    prefix = f"{address.path}/" if address.path else ""
    entries: dict[str, int | None] = {}
    for one in below:
        name, slash, _ = one.path.removeprefix(prefix).partition("/")
        entries[name] = None if slash else one.size
    return [ListedFile(name, entries[name]) for name in sorted(entries)]


def _check_run(tx: Connection, address: ArtifactAddress) -> None:
    run = get_run_within(tx, address.run_id)
    if str(run.experiment_id) != address.experiment_id:
        raise NotFound(f"run {run.id} is not of experiment {address.experiment_id}", run_id=run.id)
