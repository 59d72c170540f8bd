"""What images there are, and what their names point at. Building them is in ``operations/imaging/images.py``."""

from registry.core.errors import NotFound
from registry.core.imaging.image_views import ImageQuery, check_query, matches
from registry.core.imaging.images import MANIFEST_TYPE, Descriptor, Image, ImageConfig
from registry.core.names import IMAGE_NUMBER, ImageReference, check_name, parse_image_reference
from registry.operations.imaging import image_ledger as ledger
from registry.operations.security.caller import who
from registry.operations.workspace import Workspace
from registry.store import counters
from registry.store.imaging import image_tags, manifests
from registry.store.imaging import images as rows
from registry.store.metadata import Connection

LATEST = "latest"


def resolve_image(workspace: Workspace, reference: str) -> Image:
    """Return the image that ``name:tag``, ``name@sha256:…`` or ``name`` (its latest) means now.

    Raises:
        InvalidInput: the reference is none of the accepted forms.
        NotFound: it names nothing; the message lists the tags there are.
    """
    with workspace.metadata.read() as tx:
        return resolve_within(tx, reference)


def resolve_within(tx: Connection, reference: str) -> Image:
    """Resolve inside the caller's transaction. Raises as ``resolve_image``."""
    parsed = parse_image_reference(reference)
    tags = image_tags.tags(tx, parsed.name)
    digest = parsed.digest or tags.get(parsed.tag or LATEST)
    image = rows.find(tx, parsed.name, digest) if digest else None
    if image is not None:
        return image
    if digest and manifests.find(tx, parsed.name, digest):
        message = f"{parsed} is kept here and is no image of this workspace's, so it cannot be deployed"
        raise NotFound(message, reference=str(parsed))
    raise _missing(parsed, tags)


def list_images(workspace: Workspace, query: ImageQuery | None = None) -> list[Image]:
    """Return every image, or those that a query asks for, by name and then from old to new.

    Raises:
        InvalidInput: a part of the query can match nothing.
    """
    query = check_query(query or ImageQuery())
    with workspace.metadata.read() as tx:
        return [image for image in rows.all_images(tx) if matches(query, image)]


def record_image(
    workspace: Workspace,
    *,
    name: str,
    digest: str,
    config: ImageConfig,
    layers: list[Descriptor],
    size_bytes: int,
    labels: dict[str, str] | None = None,
    description: str = "",
) -> Image:
    """Remember an image, give it the next number and ``latest``, and return it with its tags.

    A digest that is there already keeps its number, labels and description; only ``latest`` moves to it.

    Raises:
        InvalidInput: the name or digest is not legal.
    """
    image = Image(
        name=check_name("image", name),
        digest=check_name("digest", digest),
        tags=[],
        config=config,
        size_bytes=size_bytes,
        layers=layers,
        labels=labels or {},
        description=description,
        created_ms=workspace.now_ms(),
    )
    with workspace.metadata.write() as tx:
        if rows.find(tx, name, digest) is None:
            insert_within(tx, image)
        ledger.set_tag(tx, name, LATEST, digest, at_ms=image.created_ms, who=who())
        return _get(tx, name, digest)


def insert_within(tx: Connection, image: Image, number: int | None = None) -> None:
    """Remember an image that is new, and give it ``number``, or else the next one, inside the caller's transaction."""
    manifests.insert(tx, image.name, image.digest, MANIFEST_TYPE, image.created_ms)
    rows.insert(tx, image)
    tag = str(number or _next_number(tx, image.name))
    ledger.set_tag(tx, image.name, tag, image.digest, at_ms=image.created_ms, who=who())


def numbered_reference(image: Image) -> str:
    """Return the reference that never moves and people can read: ``cancer-onnx:1``."""
    number = next((tag for tag in image.tags if is_number(tag)), None)
    return str(ImageReference(image.name, number, None if number else image.digest))


def _next_number(tx: Connection, name: str) -> int:
    tags, images = image_tags.tags(tx, name), rows.digests(tx, name)
    given = max((int(tag) for tag, digest in tags.items() if is_number(tag) and digest in images), default=0)
    number = 1 + max(given, counters.read(tx, counters.image_numbers_of(name)))
    while str(number) in tags:  # somebody calls another manifest so
        number += 1
    return number


def is_number(tag: str) -> bool:
    """Say whether a tag is one of the numbers that the workspace gives."""
    return IMAGE_NUMBER.match(tag) is not None


def _get(tx: Connection, name: str, digest: str) -> Image:
    image = rows.find(tx, name, digest)
    assert image is not None
    return image


def _missing(reference: ImageReference, tags: dict[str, str]) -> NotFound:
    known = f"{reference.name} has the tags {', '.join(sorted(tags))}" if tags else "no image has this name"
    return NotFound(f"there is no image {str(reference)!r}: {known}", reference=str(reference))
