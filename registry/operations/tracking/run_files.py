"""The files of a run, found by its id alone."""

from registry.core.tracking.artifacts import FOLDER, parse_address
from registry.operations.tracking import artifacts
from registry.operations.tracking.artifacts import ListedFile
from registry.operations.tracking.tracking import get_run
from registry.operations.workspace import Workspace


def list_folder(workspace: Workspace, run_id: str, path: str) -> tuple[str, list[ListedFile]]:
    """Return the address of a run's files, and the entries of one folder by their whole paths; a file has none.

    Raises:
        NotFound: no such run.
        InvalidInput: the path climbs or has an empty part.
    """
    run = get_run(workspace, run_id)
    address = parse_address(f"{run.experiment_id}/{run_id}/{FOLDER}/{path}")
    return run.artifact_uri, artifacts.list_folder(workspace, address)
