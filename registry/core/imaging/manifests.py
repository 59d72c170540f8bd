"""Manifests as clients push them: of images, lists of images and artefacts, in OCI's media types and Docker's.

Source: OCI image specification 1.1 (manifest.md, image-index.md), Docker's Image Manifest Version 2, Schema 2.
"""

import msgspec

from registry.core.errors import InvalidInput
from registry.core.imaging.images import CONFIG_TYPE, INDEX_TYPE, MANIFEST_TYPE, Descriptor
from registry.core.imaging.pushes import InvalidManifest
from registry.core.names import check_name

IMAGE_TYPES = (MANIFEST_TYPE, "application/vnd.docker.distribution.manifest.v2+json")
LIST_TYPES = (INDEX_TYPE, "application/vnd.docker.distribution.manifest.list.v2+json")
CONFIG_TYPES = (CONFIG_TYPE, "application/vnd.docker.container.image.v1+json")

MAX_MANIFEST_BYTES = 4 << 20
MAX_MEDIA_TYPE = 255
MAX_ANNOTATIONS = 64 << 10  # characters


class PushedManifest(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What is understood of a manifest; its bytes are kept as they came. Clients in Go write null for an empty list."""

    schema_version: int
    media_type: str = ""
    artifact_type: str = ""
    config: Descriptor | None = None
    layers: list[Descriptor] | None = None
    manifests: list[Descriptor] | None = None
    subject: Descriptor | None = None
    annotations: dict[str, str] | None = None

    @property
    def blobs(self) -> list[Descriptor]:
        return [*([self.config] if self.config else []), *(self.layers or [])]

    @property
    def annotations_size(self) -> int:
        """How many characters there are in its annotations, which are part of every list of what is attached."""
        return sum(len(key) + len(value) for key, value in (self.annotations or {}).items())

    @property
    def children(self) -> list[Descriptor]:
        return self.manifests or []


def read_manifest(content: bytes, media_type: str) -> PushedManifest:
    """Read a manifest that was sent as ``media_type``, or "" if the sender did not say.

    Raises:
        InvalidManifest: it is none, contradicts itself, or names something by another digest than SHA-256.
    """
    try:
        manifest = msgspec.json.decode(content, type=PushedManifest)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidManifest(f"this is no manifest: {error}") from error
    kind = media_type_of(manifest, media_type)
    parts = [*manifest.blobs, *manifest.children, *([manifest.subject] if manifest.subject else [])]
    try:
        for part in parts:
            _check_descriptor(part)
    except InvalidInput as error:
        raise InvalidManifest(f"in the manifest: {error.message}") from error
    faults = {
        f"its schemaVersion is {manifest.schema_version}, not 2": manifest.schema_version != 2,
        f"it says that it is {manifest.media_type!r}": manifest.media_type not in ("", kind),
        "an image has a config": kind in IMAGE_TYPES and manifest.config is None,
        "an image has no manifests": kind in IMAGE_TYPES and manifest.manifests is not None,
        "a list of images has manifests": kind in LIST_TYPES and manifest.manifests is None,
        "a list of images has neither config nor layers": kind in LIST_TYPES and bool(manifest.blobs),
        f"its annotations have more than {MAX_ANNOTATIONS:,} characters": manifest.annotations_size > MAX_ANNOTATIONS,
        f"its artifactType has more than {MAX_MEDIA_TYPE} characters": len(manifest.artifact_type) > MAX_MEDIA_TYPE,
    }
    for fault, present in faults.items():
        if present:
            raise InvalidManifest(f"the manifest sent as {kind} contradicts itself: {fault}")
    return manifest


def media_type_of(manifest: PushedManifest, sent_as: str) -> str:
    """Return a manifest's media type: what it was sent as, else what it says. Raises InvalidManifest for another."""
    kind = sent_as.partition(";")[0].strip().lower() or manifest.media_type
    if kind not in (*IMAGE_TYPES, *LIST_TYPES):
        raise InvalidManifest(
            f"{kind or 'no media type'} is not one of the manifests kept here: {', '.join((*IMAGE_TYPES, *LIST_TYPES))}"
        )
    return kind


def _check_descriptor(descriptor: Descriptor) -> None:
    check_name("digest", descriptor.digest)
    if descriptor.size < 0:
        raise InvalidInput(f"{descriptor.digest} cannot have {descriptor.size} bytes")
    if not 0 < len(descriptor.media_type) <= MAX_MEDIA_TYPE:
        raise InvalidInput(f"the mediaType of {descriptor.digest} has not 1 to {MAX_MEDIA_TYPE} characters")
