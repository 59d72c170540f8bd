"""Sample requests on their way from the files that ``image.yaml`` names into the registry."""

from collections.abc import Sequence
from pathlib import Path

from registry.client.blobs import Blobs
from registry.core.errors import InvalidInput
from registry.core.imaging.image_documents import SampleDocument
from registry.core.imaging.samples import MAX_SAMPLE_BYTES, SampleRequest


def upload_samples(blobs: Blobs, documents: Sequence[SampleDocument], folder: Path) -> list[SampleRequest]:
    """Upload the samples' bodies, whose files are relative to ``folder``, once all of them are read.

    Raises:
        InvalidInput: a file cannot be read, or is larger than a sample may be.
    """
    bodies = [_read(folder / document.file, f"$.sample_requests[{n}].file") for n, document in enumerate(documents)]
    return [
        SampleRequest(
            name=Path(document.file).name,
            digest=blobs.put(body),
            door=document.door,
            content_type=document.content_type,
            tolerance=document.tolerance,
        )
        for document, body in zip(documents, bodies, strict=True)
    ]


def _read(file: Path, path: str) -> bytes:
    try:
        with file.open("rb") as stream:
            body = stream.read(MAX_SAMPLE_BYTES + 1)
    except OSError as error:
        raise InvalidInput(f"{path}: cannot read {file}: {error.strerror}", path=path) from error
    if len(body) > MAX_SAMPLE_BYTES:
        raise InvalidInput(f"{path}: {file} has more than the {MAX_SAMPLE_BYTES:,} bytes of a sample", path=path)
    return body
