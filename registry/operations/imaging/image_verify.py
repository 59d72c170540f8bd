"""Read an image whole again, with what is attached to it, and look at its signature: an activity with a log."""

import hashlib
import logging
import threading
from collections.abc import Callable, Iterator
from itertools import chain
from typing import NamedTuple

from registry.core.activities import Activity, ActivityKind, ActivityState
from registry.core.errors import NotFound, SlipwayError
from registry.core.imaging.images import Descriptor, Image
from registry.core.imaging.signatures import SignaturePolicy
from registry.images.keeping.layout import ImageLayout
from registry.images.keeping.links import links_of
from registry.images.pack import read_chunks
from registry.operations.activities import begin_activity, end_activity, report_progress
from registry.operations.imaging.catalog import resolve_image
from registry.operations.imaging.image_works import ImageWorks
from registry.operations.imaging.referrers import referrers
from registry.operations.imaging.signing import signature_fault, signing_keys
from registry.operations.workspace import Workspace

_log = logging.getLogger("slipway.registry.images")

Report = Callable[[float, str], None]


class _Blob(NamedTuple):
    what: str
    digest: str


def start_verification(workspace: Workspace, works: ImageWorks, reference: str) -> Activity:
    """Begin to verify an image and return the activity, which fails if anything is wrong and says what.

    Raises:
        InvalidInput: the reference is none.
        NotFound: it names nothing.
        Unavailable: as many verifications are waiting as may be.
    """
    image = resolve_image(workspace, reference)
    activity = begin_activity(workspace, ActivityKind.VERIFY, reference, f"verifying {image.name}@{image.digest}")
    arguments = (workspace, works, image, activity.id)
    threading.Thread(target=run_verification, args=arguments, name=f"verify-{activity.id}", daemon=True).start()
    return activity


def run_verification(workspace: Workspace, works: ImageWorks, image: Image, activity_id: str) -> None:
    """Work off one verification and end its activity, whatever happens."""

    def report(part: float, line: str) -> None:
        report_progress(workspace, activity_id, part, line)

    try:
        with works.reading:
            faults = verify_image(workspace, works, image, report)
        state = ActivityState.FAILED if faults else ActivityState.SUCCEEDED
        message = "; ".join(faults) or f"{image.name}@{image.digest} is whole and as it was signed"
        end_activity(workspace, activity_id, state, message, {"digest": image.digest})
    except SlipwayError as error:
        end_activity(workspace, activity_id, ActivityState.FAILED, error.message)
    except Exception:
        _log.exception("verification %s of %s broke off", activity_id, image.digest)
        message = "the verification broke off because of a fault of the registry's: its log says more"
        end_activity(workspace, activity_id, ActivityState.FAILED, message)


def verify_image(workspace: Workspace, works: ImageWorks, image: Image, report: Report) -> list[str]:
    """Return what is wrong: each blob that is missing or damaged, and a signature that is, unless nobody looks."""
    attached = referrers(workspace, image.name, image.digest)
    faults, done = [], 0
    total = 1 + image.size_bytes
    parts = (_attached_blobs(works.layout, one) for one in attached)
    for blob in chain(_blobs(works.layout, image.digest), *parts):
        report(min(done / total, 1.0), f"reading {blob.what} {blob.digest}")
        fault, size = _read(works.layout, blob)
        faults += [fault] if fault else []
        done += size
    if faults:
        return faults
    if signing_keys(workspace).policy is SignaturePolicy.OFF:
        report(1.0, "nobody looks at signatures in this workspace")
        return []
    fault = signature_fault(workspace, works, image)
    return [f"image {image.digest}: {fault}"] if fault else []


def _blobs(layout: ImageLayout, digest: str) -> Iterator[_Blob]:
    """Give an image's blobs, its manifest first: what a damaged one says is not believed."""
    yield _Blob("manifest", digest)
    if not _read(layout, _Blob("manifest", digest))[0]:
        manifest = layout.manifest(digest)
        yield _Blob("config", manifest.config.digest)
        yield from (_Blob("layer", layer.digest) for layer in manifest.layers)


def _attached_blobs(layout: ImageLayout, artefact: Descriptor) -> Iterator[_Blob]:
    """Give the blobs of what is attached to an image, which may be a manifest of any kind."""
    yield _Blob("manifest", artefact.digest)
    if not _read(layout, _Blob("manifest", artefact.digest))[0]:
        what = f"part of {artefact.artifact_type or artefact.media_type}"
        yield from (_Blob(what, blob) for blob in links_of(layout, artefact.digest).blobs[1:])


def _read(layout: ImageLayout, blob: _Blob) -> tuple[str, int]:
    """Return what is wrong with a blob, or "", and its size."""
    hashed, size = hashlib.sha256(), 0
    try:
        for chunk in read_chunks(layout.path(blob.digest)):
            hashed.update(chunk)
            size += len(chunk)
    except (NotFound, FileNotFoundError):
        return f"{blob.what} {blob.digest} is missing", 0
    fits = f"sha256:{hashed.hexdigest()}" == blob.digest
    return "" if fits else f"{blob.what} {blob.digest} is damaged", size
