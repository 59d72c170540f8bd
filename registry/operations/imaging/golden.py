"""Sample requests of images, and the answers recorded when they were built."""

import msgspec

from registry.core.errors import BuildFailed, InvalidInput, NotFound
from registry.core.imaging.images import MANIFEST_TYPE
from registry.core.imaging.samples import (
    GOLDEN_TYPE,
    MAX_SAMPLE_BYTES,
    SAMPLES_PATH,
    GoldenAnswers,
    Sample,
    SampleRequest,
)
from registry.images.inputs import SampleInput
from registry.operations.imaging.catalog import resolve_image
from registry.operations.imaging.image_works import ImageWorks
from registry.operations.imaging.referrers import attach, referrers
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


def has_golden(workspace: Workspace, name: str, digest: str) -> bool:
    """Say whether answers are recorded for an image of that name."""
    return bool(referrers(workspace, name, digest, GOLDEN_TYPE))


def record_golden(workspace: Workspace, works: ImageWorks, name: str, digest: str, golden: GoldenAnswers) -> None:
    """Attach answers to an image that is stored and has no tag yet, so that no tag ever means one without them."""
    with workspace.metadata.write() as tx:
        manifests.insert(tx, name, digest, MANIFEST_TYPE, workspace.now_ms())
    attach(workspace, works, name, digest, GOLDEN_TYPE, msgspec.json.encode(golden, order="deterministic"))


def get_golden(workspace: Workspace, works: ImageWorks, reference: str) -> GoldenAnswers:
    """Return the newest answers that are recorded for an image; none if there are no samples.

    Raises:
        InvalidInput, NotFound: as ``catalog.resolve_image``.
        BuildFailed: what is attached cannot be read.
    """
    image = resolve_image(workspace, reference)
    attached = referrers(workspace, image.name, image.digest, GOLDEN_TYPE)
    if not attached:
        return GoldenAnswers(answers=[])
    artefact = works.layout.manifest(attached[-1].digest)
    try:
        return msgspec.json.decode(works.layout.path(artefact.layers[0].digest).read_bytes(), type=GoldenAnswers)
    except msgspec.MsgspecError as error:
        raise BuildFailed(f"the answers attached to {reference} cannot be read: {error}") from error
