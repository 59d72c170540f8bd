"""Sample requests of images, and the answers recorded when they were built."""

import hashlib

import msgspec

from registry.core.errors import InvalidInput, NotFound
from registry.core.imaging.images import MANIFEST_TYPE
from registry.core.imaging.samples import (
    GOLDEN_TYPE,
    MAX_SAMPLE_BYTES,
    SAMPLES_PATH,
    GoldenAnswers,
    Sample,
    SampleRequest,
    read_golden,
)
from registry.images.inputs import SampleInput
from registry.operations.imaging.catalog import resolve_image
from registry.operations.imaging.image_works import ImageWorks
from registry.operations.imaging.referrers import attach
from registry.operations.imaging.signing import golden_of
from registry.operations.workspace import Workspace
from registry.store.imaging import manifests


def check_bodies(workspace: Workspace, samples: list[SampleRequest]) -> None:
    """See that the bodies of samples were uploaded.

    Raises:
        NotFound: one was not.
        InvalidInput: one is too large.
    """
    for number, sample in enumerate(samples):
        path = f"$.sample_requests[{number}]"
        if not workspace.blobs.exists(sample.digest):
            raise NotFound(f"{path}.digest: there is no blob {sample.digest}: upload {sample.name} first")
        size = workspace.blobs.size(sample.digest)
        if size > MAX_SAMPLE_BYTES:
            raise InvalidInput(
                f"{path}: {sample.name} has {size:,} bytes, and a sample may have {MAX_SAMPLE_BYTES:,}", path=path
            )


def fetch_samples(workspace: Workspace, samples: list[SampleRequest]) -> tuple[SampleInput, ...]:
    """Return samples with their bodies, each with its place in the image."""
    return tuple(
        SampleInput(
            Sample(
                name=request.name,
                path=f"{SAMPLES_PATH}/{position}/{request.name}",
                door=request.door,
                content_type=request.content_type,
                tolerance=request.tolerance,
            ),
            workspace.blobs.get(request.digest),
        )
        for position, request in enumerate(samples)
    )


def record_golden(workspace: Workspace, works: ImageWorks, name: str, digest: str, golden: GoldenAnswers) -> str:
    """Attach answers to an image that is stored and has no tag yet, so that no tag ever means one without them.

    Returns the digest of the answers, which is what a signature names.
    """
    with workspace.metadata.write() as tx:
        manifests.insert(tx, name, digest, MANIFEST_TYPE, workspace.now_ms())
    content = msgspec.json.encode(golden, order="deterministic")
    attach(workspace, works, name, digest, GOLDEN_TYPE, content)
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def get_golden(workspace: Workspace, works: ImageWorks, reference: str) -> GoldenAnswers:
    """Return the recorded answers of an image that count, as ``signing.golden_of`` says; none if there are none.

    Raises:
        InvalidInput, NotFound: as ``catalog.resolve_image``.
    """
    digest = golden_of(workspace, works, resolve_image(workspace, reference))
    return read_golden(works.layout.path(digest).read_bytes()) if digest else GoldenAnswers(answers=[])
