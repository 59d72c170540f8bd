"""Calibration rows on their way from the file that ``image.yaml`` names into the registry."""

from pathlib import Path

from registry.client.blobs import Blobs
from registry.core.errors import InvalidInput
from registry.core.imaging.acceleration import (
    MAX_CALIBRATION_BYTES,
    AccelerationDocument,
    AccelerationRequest,
    is_reference,
    request_of,
)


def upload_calibration(blobs: Blobs, document: AccelerationDocument, folder: Path) -> AccelerationRequest:
    """Upload the rows, unless they are in the workspace, and return what is asked of the registry.

    Raises:
        InvalidInput: the file, relative to ``folder``, cannot be read, or is too large.
    """
    data = document.calibration.data
    if is_reference(data):
        return request_of(document, None)
    file, where = folder / data, "$.acceleration.calibration.data"
    try:
        if file.stat().st_size > MAX_CALIBRATION_BYTES:
            raise InvalidInput(f"{where}: {file} has more than {MAX_CALIBRATION_BYTES:,} bytes", path=where)
        return request_of(document, blobs.put_file(file))
    except OSError as error:
        raise InvalidInput(f"{where}: cannot read {file}: {error.strerror}", path=where) from error
