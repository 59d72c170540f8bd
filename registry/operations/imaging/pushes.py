"""Take in what a client pushes: a manifest whose parts have all arrived, and what it then is in the workspace."""

import hashlib
from typing import NamedTuple

from registry.core.errors import Conflict, NotFound
from registry.core.imaging.images import Descriptor, Image
from registry.core.imaging.manifests import PushedManifest, media_type_of, read_manifest
from registry.core.imaging.pushes import DigestMismatch, InvalidManifest, MissingParts
from registry.core.names import check_name
from registry.images.keeping.layout import ImageLayout
from registry.images.pushed.accept import check_layers, find_description
from registry.images.pushed.attached import MAX_PUSHED_ALIKE, check_attached, is_own
from registry.operations.imaging import image_ledger as ledger
from registry.operations.imaging.catalog import LATEST, insert_within, is_number
from registry.operations.security.caller import who
from registry.operations.workspace import Workspace
from registry.store import counters
from registry.store.imaging import image_tags, images, manifests
from registry.store.metadata import Connection

MAX_PUSHED_NUMBER = 999_999_999


class Pushed(NamedTuple):
    digest: str
    subject: str | None  # the digest of the manifest it refers to


def push_manifest(
    workspace: Workspace, layout: ImageLayout, name: str, reference: str, content: bytes, media_type: str
) -> Pushed:
    """Keep a manifest under its digest and, if ``reference`` is none, under that tag.

    One that describes an image of ours becomes an image with the next number, or with the number that is its tag, and
    ``latest`` if it is new.

    Raises:
        InvalidInput: the name or reference is not legal.
        DigestMismatch: ``reference`` is another digest.
        InvalidManifest: the content is no manifest, or contradicts itself.
        MissingParts: what it is made of is not here.
        RefusedImage: no node would run the image.
        Conflict: the tag is a number that another image has, or another than the image has; or too many signatures or
            recorded answers are attached to the image.
        Unavailable: a store is full or away.
    """
    check_name("image", name)
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    tag = _tag_of(reference, digest)
    manifest = read_manifest(content, media_type)
    kind = media_type_of(manifest, media_type)
    with workspace.metadata.read() as tx:
        _check_parts(tx, layout, name, manifest)
    now_ms = workspace.now_ms()
    image = _image_of(layout, name, digest, manifest, len(content), now_ms)
    referrer = _referrer(manifest, kind, digest, len(content))
    if manifest.subject and is_own(referrer.artifact_type):
        check_attached(layout, manifest, referrer.artifact_type)
    layout.write([content])
    with workspace.metadata.write() as tx:
        _check_parts(tx, layout, name, manifest)  # from here on nobody can delete them
        before = image_tags.tags(tx, name)
        manifests.insert(tx, name, digest, kind, now_ms)
        if manifest.subject:
            _check_room(tx, name, manifest.subject.digest, referrer)
            manifests.insert_referrer(tx, name, manifest.subject.digest, referrer)
        if image is not None:
            _number(tx, image, tag)
        elif tag is not None:
            _check_no_image_has(tx, name, tag)
        if tag is not None:
            ledger.set_tag(tx, name, tag, digest, at_ms=now_ms, who=who())
        moved = image_tags.tags(tx, name).items() - before.items()
    for one, _ in sorted(moved):
        layout.tag(f"{name}:{one}", digest, kind)
    return Pushed(digest, manifest.subject.digest if manifest.subject else None)


def _tag_of(reference: str, digest: str) -> str | None:
    if ":" not in reference:
        return check_name("tag", reference)
    if check_name("digest", reference) != digest:
        raise DigestMismatch(f"the manifest has digest {digest}, not {reference}", digest=reference, actual=digest)
    return None


def _check_parts(tx: Connection, layout: ImageLayout, name: str, manifest: PushedManifest) -> None:
    for blob in manifest.blobs:
        try:
            size = layout.size(blob.digest)
        except NotFound as error:
            raise MissingParts(
                f"blob {blob.digest} is not here: push it before the manifest", digest=blob.digest
            ) from error
        if size != blob.size:
            raise InvalidManifest(f"blob {blob.digest} has {size} bytes, not {blob.size}", digest=blob.digest)
    here = manifests.digests(tx, name) if manifest.children else set()
    for child in manifest.children:
        if child.digest not in here:
            raise MissingParts(
                f"manifest {child.digest} is not in {name}: push it before the list of them", digest=child.digest
            )


def _image_of(
    layout: ImageLayout, name: str, digest: str, manifest: PushedManifest, size: int, created_ms: int
) -> Image | None:
    """Judge an image of ours, and return how it is remembered; None for any other manifest."""
    config = find_description(layout, manifest)
    if config is None:
        return None
    check_layers(layout, manifest)
    return Image(
        name=name,
        digest=digest,
        tags=[],
        config=config,
        size_bytes=size + sum(blob.size for blob in manifest.blobs),
        layers=manifest.layers or [],
        created_ms=created_ms,
    )


def _referrer(manifest: PushedManifest, kind: str, digest: str, size: int) -> Descriptor:
    return Descriptor(
        media_type=kind,
        digest=digest,
        size=size,
        artifact_type=manifest.artifact_type or (manifest.config.media_type if manifest.config else ""),
        annotations=manifest.annotations or {},
    )


def _check_room(tx: Connection, name: str, subject: str, referrer: Descriptor) -> None:
    """Keep what nodes must read of one image within bounds; the workspace's own signing is not held up by them."""
    if not is_own(referrer.artifact_type):
        return
    others = {
        one.digest
        for one in manifests.referrers_of(tx, name, subject)
        if one.artifact_type == referrer.artifact_type and one.digest != referrer.digest
    }
    if len(others) >= MAX_PUSHED_ALIKE:
        raise Conflict(
            f"{len(others)} artefacts of type {referrer.artifact_type} are attached to {name}@{subject}: "
            "an owner can delete some of them by their digests",
            name=name,
        )


def _number(tx: Connection, image: Image, tag: str | None) -> None:
    """Remember an image if it is new, and see to it that a number means one image for ever."""
    number = int(tag) if tag is not None and is_number(tag) else None
    tags = image_tags.tags(tx, image.name)
    if images.find(tx, image.name, image.digest) is not None:
        if number is not None and tags.get(str(number)) != image.digest:
            raise _numbered_already(image.name, number, tags, image.digest)
        return
    given = counters.read(tx, counters.image_numbers_of(image.name))  # at most, to images that were pruned
    if number is not None and (str(number) in tags or not given < number <= MAX_PUSHED_NUMBER):
        raise _taken(image.name, number)
    insert_within(tx, image, number)
    ledger.set_tag(tx, image.name, LATEST, image.digest, at_ms=image.created_ms, who=who())


def _check_no_image_has(tx: Connection, name: str, tag: str) -> None:
    if is_number(tag) and image_tags.tags(tx, name).get(tag) in images.digests(tx, name):
        raise _taken(name, int(tag))


def _numbered_already(name: str, number: int, tags: dict[str, str], digest: str) -> Conflict:
    """Of an image that has a number for ever; the other one may be free."""
    its = min(int(tag) for tag, meant in tags.items() if meant == digest and is_number(tag))
    return Conflict(
        f"{name}:{number} cannot be pushed: this image is {name}:{its} already, and an image has one number. "
        "Push to a tag that is no number, or by digest",
        name=name,
        number=its,
    )


def _taken(name: str, number: int) -> Conflict:
    return Conflict(
        f"{name}:{number} cannot be pushed: the number is, was or would be another image's. "
        "Push to a tag that is no number, or by digest: the workspace gives the next number",
        name=name,
        number=number,
    )
