"""Datasets: files made the next version of a name, found, hidden and brought back."""

from registry.core.modelling.dataset_versions import (
    DatasetReference,
    DatasetVersion,
    NewDatasetVersion,
    no_dataset,
    parse_dataset_reference,
)
from registry.core.modelling.models import ModelFile
from registry.core.names import check_name
from registry.core.paths import check_archive_paths
from registry.operations.security.caller import who
from registry.operations.upkeep import blob_claims
from registry.operations.workspace import Workspace
from registry.store import counters
from registry.store.metadata import Connection
from registry.store.modelling import dataset_versions


def create_version(workspace: Workspace, name: str, new: NewDatasetVersion) -> DatasetVersion:
    """Make uploaded blobs the next version of a dataset, made when new. A number is never given twice.

    Raises:
        InvalidInput: the name or a path is not legal, a path comes twice or is a folder too, or there is no file.
        NotFound: a blob has not been uploaded.
        Unavailable: a purge deleted one meanwhile.
    """
    check_name("dataset", name)
    check_archive_paths([file.path for file in new.files])
    since = blob_claims.begin(workspace)
    files = [
        ModelFile(path=file.path, sha256=file.digest.removeprefix("sha256:"), size=workspace.blobs.size(file.digest))
        for file in sorted(new.files, key=lambda file: file.path)
    ]
    with workspace.metadata.write() as tx:
        blob_claims.check(workspace, tx, [file.digest for file in new.files], since)
        version = DatasetVersion(
            name=name,
            version=counters.increment(tx, counters.dataset_versions_of(name)),
            description=new.description,
            tags=new.tags,
            files=files,
            created_ms=workspace.now_ms(),
            created_by=who(),
        )
        dataset_versions.insert(tx, version)
    return version


def list_versions(workspace: Workspace, name: str | None = None) -> list[DatasetVersion]:
    """Return the versions of one dataset or of all, by name and then from old to new.

    Raises:
        NotFound: there is no dataset of that name.
    """
    with workspace.metadata.read() as tx:
        found = dataset_versions.all_versions(tx, name)
    if name is not None and not found:
        raise no_dataset(name, None, [])
    return found


def get_version(workspace: Workspace, name: str, version: int | None) -> DatasetVersion:
    """Return a version; None is the newest. Raises NotFound."""
    with workspace.metadata.read() as tx:
        return _get(tx, DatasetReference(name, version))


def resolve_dataset(workspace: Workspace, reference: str) -> DatasetVersion:
    """Return the version that ``azureml:rows:1`` or ``rows@latest`` means now.

    Raises:
        InvalidInput: the reference is none of the accepted forms.
        NotFound: it names nothing.
    """
    parsed = parse_dataset_reference(reference)
    return get_version(workspace, parsed.name, parsed.version)


def delete_version(workspace: Workspace, name: str, version: int) -> None:
    """Hide a version until it is restored or purged. Raises NotFound."""
    with workspace.metadata.write() as tx:
        _get(tx, DatasetReference(name, version))
        dataset_versions.set_deleted(tx, name, version, workspace.now_ms())


def restore_version(workspace: Workspace, name: str, version: int) -> DatasetVersion:
    """Show a hidden version again; one that is there is fine. Raises NotFound."""
    with workspace.metadata.write() as tx:
        dataset_versions.set_deleted(tx, name, version, None)
        return _get(tx, DatasetReference(name, version))


def _get(tx: Connection, reference: DatasetReference) -> DatasetVersion:
    known = dataset_versions.all_versions(tx, reference.name)
    numbers = [version.version for version in known]
    wanted = numbers[-1] if reference.version is None and numbers else reference.version
    if wanted not in numbers:
        raise no_dataset(reference.name, wanted, numbers)
    return known[numbers.index(wanted)]
