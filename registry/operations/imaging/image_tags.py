"""Tags of images, what each tag meant at any time, and the labels and description that people write."""

from registry.core.errors import InvalidInput, NotFound
from registry.core.imaging.image_views import ImageChange, ImageMove, held_at
from registry.core.imaging.images import Image
from registry.core.names import ImageReference, check_name, parse_image_reference
from registry.operations.imaging import image_ledger as ledger
from registry.operations.imaging.catalog import is_number, resolve_within
from registry.operations.security.caller import who
from registry.operations.workspace import Workspace
from registry.store.imaging import image_tags, images
from registry.store.metadata import Connection


def tag_image(workspace: Workspace, reference: str, tag: str) -> Image:
    """Point ``tag`` at the image that ``reference`` means now, and return it. A number stays where it was first put.

    Raises:
        InvalidInput: the tag is not legal, or a number, which only ``record_image`` gives.
        NotFound: the reference names nothing.
    """
    check_name("tag", tag)
    _check_not_numbered(tag)
    with workspace.metadata.write() as tx:
        image = resolve_within(tx, reference)
        ledger.set_tag(tx, image.name, tag, image.digest, at_ms=workspace.now_ms(), who=who())
        return _get(tx, image)


def untag_image(workspace: Workspace, reference: str) -> Image:
    """Take the tag of ``NAME:TAG`` away, and return the image that it meant. Its number stays.

    Raises:
        InvalidInput: the reference has no tag, or a number.
        NotFound: there is no such tag.
    """
    tag = _tag_of(parse_image_reference(reference), reference)
    with workspace.metadata.write() as tx:
        image = resolve_within(tx, reference)
        ledger.delete_tag(tx, image.name, tag, at_ms=workspace.now_ms(), who=who())
        return _get(tx, image)


def change_image(workspace: Workspace, reference: str, change: ImageChange) -> Image:
    """Set and take away labels, and set the description if one is given; return the image.

    Raises:
        InvalidInput: a label has no name.
        NotFound: the reference names nothing.
    """
    if "" in change.labels:
        raise InvalidInput("$.labels: a label needs a name")
    with workspace.metadata.write() as tx:
        image = resolve_within(tx, reference)
        merged = {**image.labels, **change.labels}
        labels = {key: value for key, value in merged.items() if value is not None}
        description = image.description if change.description is None else change.description
        images.update(tx, image.name, image.digest, labels=labels, description=description)
        return _get(tx, image)


def get_history(workspace: Workspace, name: str, at_ms: int | None = None) -> list[ImageMove]:
    """Return the ledger of an image's tags from old to new; with ``at_ms``, the line of each tag that held then.

    Raises:
        NotFound: there never was such an image.
    """
    with workspace.metadata.read() as tx:
        moves = image_tags.moves(tx, check_name("image", name))
    if not moves:
        raise NotFound(f"no image has the name {name!r}", name=name)
    return moves if at_ms is None else held_at(moves, at_ms)


def _tag_of(reference: ImageReference, text: str) -> str:
    if reference.tag is None or ":" not in text:
        raise InvalidInput(f"{text!r} names no tag: write NAME:TAG", value=text)
    _check_not_numbered(reference.tag)
    return reference.tag


def _check_not_numbered(tag: str) -> None:
    if is_number(tag):
        raise InvalidInput(f"{tag!r} cannot be moved: the workspace numbers images itself", value=tag)


def _get(tx: Connection, image: Image) -> Image:
    found = images.find(tx, image.name, image.digest)
    assert found is not None
    return found
