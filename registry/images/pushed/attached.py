"""Judge an artefact of ours that was pushed, a signature or recorded answers: nodes read all there are of an image.

What it says is nobody's word yet: whose signature counts is decided where it is read.
"""

from registry.core.errors import InvalidInput
from registry.core.imaging.images import MAX_ATTACHED_BYTES
from registry.core.imaging.manifests import PushedManifest
from registry.core.imaging.pushes import InvalidManifest
from registry.core.imaging.samples import GOLDEN_TYPE, read_golden
from registry.core.imaging.signatures import MAX_SIGNATURE_BYTES, SIGNATURE_TYPE, read_signature
from registry.images.keeping.layout import ImageLayout

MAX_PUSHED_ALIKE = 128  # artefacts of ours of one type, of one image
MAX_ANNOTATIONS = 4 << 10  # characters of one artefact of ours, so that a list of all of them stays one answer
_READERS = {SIGNATURE_TYPE: (read_signature, MAX_SIGNATURE_BYTES), GOLDEN_TYPE: (read_golden, MAX_ATTACHED_BYTES)}


def is_own(artifact_type: str) -> bool:
    """Say whether artefacts of a type mean something to nodes."""
    return artifact_type in _READERS


def check_attached(layout: ImageLayout, manifest: PushedManifest, artifact_type: str) -> None:
    """Judge an artefact of a type of ours, whose parts are all here.

    Raises:
        InvalidManifest: it has not one part, or one that is not what its type says, or says too much besides.
    """
    read, most = _READERS[artifact_type]
    parts = manifest.layers or []
    if len(parts) != 1:
        raise InvalidManifest(f"an artefact of type {artifact_type} has one part, not {len(parts)}")
    if manifest.annotations_size > MAX_ANNOTATIONS:
        raise InvalidManifest(f"the annotations of {artifact_type} have over {MAX_ANNOTATIONS:,} characters")
    [part] = parts
    if part.size > most:
        raise InvalidManifest(f"{part.digest} has {part.size:,} bytes, and {artifact_type} at most {most:,}")
    try:
        read(layout.path(part.digest).read_bytes())
    except InvalidInput as error:
        raise InvalidManifest(f"{part.digest} is not of type {artifact_type}: {error.message}") from error
