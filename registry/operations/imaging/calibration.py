"""The rows that an accelerated image is calibrated with: a reference, resolved to bytes by their digest."""

from pathlib import Path

from registry.core.errors import InvalidInput, NotFound
from registry.core.imaging.acceleration import MAX_CALIBRATION_BYTES, AccelerationRequest, format_of
from registry.core.modelling.models import ModelFile
from registry.core.modelling.sources import parse_source
from registry.images.kinds.accelerated import Calibration
from registry.operations.modelling.dataset_versions import resolve_dataset
from registry.operations.tracking.artifacts import get_artifact
from registry.operations.workspace import Workspace

_WHERE = "$.acceleration.calibration.data"


def resolve_calibration(workspace: Workspace, request: AccelerationRequest) -> ModelFile:
    """Return the file that a request's data names now.

    Raises:
        InvalidInput: it is no reference, no file of a format that is read, or too large.
        NotFound: it names nothing, or bytes that were not uploaded.
    """
    file = _found(workspace, request)
    format_of(file.path)
    if file.size > MAX_CALIBRATION_BYTES:
        message = f"{file.path} has {file.size:,} bytes, and calibration takes {MAX_CALIBRATION_BYTES:,} at most"
        raise InvalidInput(f"{_WHERE}: {message}", path=_WHERE)
    return file


def fetch_calibration(workspace: Workspace, file: ModelFile, folder: Path) -> Calibration:
    """Write the file's bytes into ``folder``."""
    digest = f"sha256:{file.sha256}"
    rows = folder / f"rows.{format_of(file.path)}"
    with rows.open("wb") as out:
        for chunk in workspace.blobs.stream(digest):
            out.write(chunk)
    return Calibration(rows, digest)


def _found(workspace: Workspace, request: AccelerationRequest) -> ModelFile:
    data, digest = request.data, request.digest
    if digest is not None:
        if not workspace.blobs.exists(digest):
            raise NotFound(f"there is no blob {digest}: upload the calibration rows first")
        return ModelFile(path=data, sha256=digest.removeprefix("sha256:"), size=workspace.blobs.size(digest))
    if data.startswith("azureml:"):
        version = resolve_dataset(workspace, data)
        if len(version.files) != 1:
            message = f"dataset {version.name}:{version.version} has {len(version.files)} files: calibration takes one"
            raise InvalidInput(f"{_WHERE}: {message}", path=_WHERE)
        return version.files[0]
    address = parse_source(data) if data.startswith("runs:/") else None
    if address is None:
        raise InvalidInput(f"{_WHERE}: {data!r} is no file of a run (runs:/ID/PATH) and no dataset", path=_WHERE)
    return get_artifact(workspace, address)
