"""What is recorded about an image and is no part of its digest: artefacts that refer to it (OCI image spec 1.1)."""

import msgspec

from registry.core.errors import InvalidInput, NotFound
from registry.core.imaging.images import EMPTY, EMPTY_TYPE, MANIFEST_TYPE, MAX_ATTACHED_BYTES, Descriptor, Manifest
from registry.core.names import check_name
from registry.operations.imaging.image_works import ImageWorks
from registry.operations.workspace import Workspace
from registry.store.imaging import manifests


def attach(
    workspace: Workspace,
    works: ImageWorks,
    name: str,
    subject_digest: str,
    artifact_type: str,
    payload: bytes,
    annotations: dict[str, str] | None = None,
) -> str:
    """Attach ``payload`` to a manifest of the repository and return the artefact's digest: the same for the same.

    Raises:
        InvalidInput: the payload is too large.
        NotFound: there is no such manifest.
    """
    if len(payload) > MAX_ATTACHED_BYTES:
        raise InvalidInput(f"{len(payload):,} bytes are more than the {MAX_ATTACHED_BYTES:,} that can be attached")
    layout = works.layout
    artefact = Manifest(
        schema_version=2,
        media_type=MANIFEST_TYPE,
        artifact_type=artifact_type,
        config=_stored(layout.write([EMPTY]), EMPTY_TYPE),
        layers=[_stored(layout.write([payload]), artifact_type)],
        subject=_subject(workspace, works, name, subject_digest),
        annotations=annotations or {},
    )
    descriptor = msgspec.structs.replace(
        _stored(layout.write([msgspec.json.encode(artefact, order="deterministic")]), MANIFEST_TYPE),
        artifact_type=artifact_type,
        annotations=artefact.annotations,
    )
    with workspace.metadata.write() as tx:
        manifests.insert(tx, name, descriptor.digest, MANIFEST_TYPE, workspace.now_ms())
        manifests.insert_referrer(tx, name, subject_digest, descriptor)
    return descriptor.digest


def referrers(
    workspace: Workspace, name: str, subject_digest: str, artifact_type: str | None = None
) -> list[Descriptor]:
    """Return what refers to a digest, whether or not that is there, from old to new; of one type only if it is given.

    Raises:
        InvalidInput: the name or digest is not legal.
    """
    check_name("image", name)
    check_name("digest", subject_digest)
    with workspace.metadata.read() as tx:
        found = manifests.referrers_of(tx, name, subject_digest)
    return [one for one in found if artifact_type in (None, one.artifact_type)]


def payload_of(works: ImageWorks, artefact: str) -> tuple[str, bytes]:
    """Return the digest and the content of what an artefact holds, whoever made it.

    Raises:
        NotFound: the artefact or its part is not here, or it is no artefact.
        InvalidInput: it has not one part, or one that is too large.
    """
    layers = works.layout.manifest(artefact).layers
    if len(layers) != 1:
        raise InvalidInput(f"artefact {artefact} has {len(layers)} parts, not one", digest=artefact)
    size = works.layout.size(layers[0].digest)
    if size > MAX_ATTACHED_BYTES:
        raise InvalidInput(f"artefact {artefact} holds {size:,} bytes, over {MAX_ATTACHED_BYTES:,}", digest=artefact)
    return layers[0].digest, works.layout.path(layers[0].digest).read_bytes()


def _subject(workspace: Workspace, works: ImageWorks, name: str, digest: str) -> Descriptor:
    with workspace.metadata.read() as tx:
        row = manifests.find(tx, name, digest)
    if row is None:
        raise NotFound(f"{name} has no manifest {digest}", reference=digest)
    return Descriptor(media_type=row.media_type, digest=digest, size=works.layout.path(digest).stat().st_size)


def _stored(written: tuple[str, int], media_type: str) -> Descriptor:
    digest, size = written
    return Descriptor(media_type=media_type, digest=digest, size=size)
