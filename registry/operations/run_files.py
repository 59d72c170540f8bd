"""The files of a run, found by its id alone."""

from registry.core.errors import NotFound
from registry.operations import artifacts
from registry.operations.artifacts import ListedFile
from registry.operations.tracking import get_run
from registry.operations.workspace import Workspace


def list_folder(workspace: Workspace, run_id: str, path: str) -> tuple[str, list[ListedFile]]:
    """Return the address of a run's files, and the entries of one folder by their whole paths; a file has none.

    Raises:
        NotFound: no such run.
        InvalidInput: the path climbs or has an empty part.
    """
    run = get_run(workspace, run_id)
    address = artifacts.parse_address(f"{run.experiment_id}/{run_id}/{artifacts.FOLDER}/{path}")
    try:
        artifacts.get_artifact(workspace, address)
    except NotFound:
        prefix = f"{address.path}/" if address.path else ""
        entries = artifacts.list_artifacts(workspace, address)
        return run.artifact_uri, [entry._replace(path=prefix + entry.path) for entry in entries]
    return run.artifact_uri, []
