"""The files of runs, logged models and registered versions, each reached through its own address."""

from typing import NamedTuple, assert_never

from msgspec.structs import replace

from registry.core.errors import InvalidInput, NotFound, WrongState
from registry.core.modelling.logged_models import check_can_change_files
from registry.core.modelling.models import ModelFile
from registry.core.tracking.artifacts import ArtifactAddress, LoggedModelFiles, Owner, RunFiles, VersionFiles
from registry.operations.modelling.logged_models import get_within as get_logged_model_within
from registry.operations.modelling.models import get_version_within
from registry.operations.tracking.tracking import get_run_within
from registry.operations.upkeep import blob_claims
from registry.operations.workspace import Workspace
from registry.store.blobs import StoredBlob
from registry.store.metadata import Connection
from registry.store.tracking import artifacts


class ListedFile(NamedTuple):
    """An entry of a folder; ``path`` is its name in it, ``size`` is None for a folder."""

    path: str
    size: int | None


def check_can_receive(workspace: Workspace, address: ArtifactAddress) -> int:
    """Raise before the body is read, if it could not be kept; return what ``record_artifact`` must be told.

    Raises:
        InvalidInput: the address names no file.
        NotFound: no such owner in that experiment.
        WrongState: the owner's files no longer change.
    """
    if not address.path:
        raise InvalidInput("Invalid path: it names a folder, not a file")
    with workspace.metadata.read() as tx:
        _writable(tx, address.owner)
        return blob_claims.so_far(tx)


def record_artifact(workspace: Workspace, address: ArtifactAddress, blob: StoredBlob, since: int) -> None:
    """Make a blob that is stored the owner's file at the address, in place of what was there.

    ``since`` is what ``check_can_receive`` returned.

    Raises:
        NotFound: no such owner in that experiment.
        InvalidInput: the path leads through a file, or is a folder.
        WrongState: the owner's files no longer change.
        Unavailable: a purge deleted the blob meanwhile.
    """
    file = ModelFile(path=address.path, sha256=blob.digest.removeprefix("sha256:"), size=blob.size)
    with workspace.metadata.write() as tx:
        blob_claims.check(workspace, tx, [blob.digest], since)
        owner_id = _writable(tx, address.owner)
        parents = address.path.split("/")[:-1]
        for depth in range(1, len(parents) + 1):
            parent = "/".join(parents[:depth])
            if artifacts.find(tx, owner_id, parent) is not None:
                raise InvalidInput(f"Invalid path {address.path!r}: {parent!r} is a file")
        if artifacts.below(tx, owner_id, address.path):
            raise InvalidInput(f"Invalid path {address.path!r}: it is a folder")
        artifacts.put(tx, owner_id, file)


def delete_artifacts(workspace: Workspace, address: ArtifactAddress) -> None:
    """Forget a file, or all files below a folder; nothing there is fine. What was registered keeps its files.

    Raises:
        InvalidInput: the address names everything that the owner has.
        NotFound: no such owner in that experiment.
        WrongState: the owner's files no longer change.
    """
    if not address.path:
        raise InvalidInput("Invalid path: name a file or folder below the artifacts")
    with workspace.metadata.write() as tx:
        artifacts.delete(tx, _writable(tx, address.owner), address.path)


def get_artifact(workspace: Workspace, address: ArtifactAddress) -> ModelFile:
    """Return what is at an address. Raises NotFound."""
    with workspace.metadata.read() as tx:
        file = next((one for one in _files(tx, address) if one.path == address.path), None)
    if file is None:
        raise NotFound(f"there is no artifact {address.path!r} of {_described(address.owner)}", path=address.path)
    return file


def list_artifacts(workspace: Workspace, address: ArtifactAddress) -> list[ListedFile]:
    """Return the entries of a folder, by name; of a file, itself; of nothing, nothing. Raises NotFound for the
    owner."""
    prefix = f"{address.path}/" if address.path else ""
    entries: dict[str, int | None] = {}
    with workspace.metadata.read() as tx:
        for file in _files(tx, address):
            if file.path == address.path:
                return [ListedFile(file.path.rpartition("/")[2], file.size)]
            name, slash, _ = file.path.removeprefix(prefix).partition("/")
            entries[name] = None if slash else file.size
    return [ListedFile(name, entries[name]) for name in sorted(entries)]


def list_folder(workspace: Workspace, address: ArtifactAddress) -> list[ListedFile]:
    """Return the entries of a folder by their paths from the owner's top; a file has none. Raises NotFound for the
    owner."""
    with workspace.metadata.read() as tx:
        if any(file.path == address.path for file in _files(tx, address)):
            return []
    prefix = f"{address.path}/" if address.path else ""
    return [entry._replace(path=prefix + entry.path) for entry in list_artifacts(workspace, address)]


def files_within(tx: Connection, address: ArtifactAddress) -> list[ModelFile]:
    """Return the file at the address, or those below it, with whole paths, sorted. Raises NotFound for the owner."""
    return _files(tx, address)


def _files(tx: Connection, address: ArtifactAddress) -> list[ModelFile]:
    owner, path = address
    match owner:
        case RunFiles() | LoggedModelFiles():
            owner_id = _existing(tx, owner)
            file = artifacts.find(tx, owner_id, path)
            return [file] if file is not None else artifacts.below(tx, owner_id, path)
        case VersionFiles():
            version = get_version_within(tx, owner.name, owner.version)
            folder = f"{version.folder}/" if version.folder else ""
            files = [replace(file, path=file.path.removeprefix(folder)) for file in version.files]
            return [file for file in files if not path or file.path == path or file.path.startswith(f"{path}/")]
    assert_never(owner)


def _writable(tx: Connection, owner: Owner) -> str:
    """Return the owner's id. Raises NotFound, WrongState."""
    match owner:
        case VersionFiles():
            raise WrongState(f"{_described(owner)} is registered: its files never change")
        case LoggedModelFiles():
            check_can_change_files(get_logged_model_within(tx, owner.model_id))
        case RunFiles():
            pass
    return _existing(tx, owner)


def _existing(tx: Connection, owner: RunFiles | LoggedModelFiles) -> str:
    match owner:
        case RunFiles():
            owner_id, experiment_id = owner.run_id, get_run_within(tx, owner.run_id).experiment_id
        case LoggedModelFiles():
            owner_id, experiment_id = owner.model_id, get_logged_model_within(tx, owner.model_id).experiment_id
    if owner.experiment_id and str(experiment_id) != owner.experiment_id:
        raise NotFound(f"{_described(owner)} is not of experiment {owner.experiment_id}", owner=owner_id)
    return owner_id


def _described(owner: Owner) -> str:
    match owner:
        case RunFiles():
            return f"run {owner.run_id}"
        case LoggedModelFiles():
            return f"logged model {owner.model_id}"
        case VersionFiles():
            return f"version {owner.version} of model {owner.name!r}"
    assert_never(owner)
