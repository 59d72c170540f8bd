"""Move tags of images inside a transaction: whatever changes what a tag means writes a line of the ledger."""

from registry.core.imaging.image_views import ImageMove
from registry.store.imaging import image_tags
from registry.store.metadata import Connection


def set_tag(tx: Connection, name: str, tag: str, digest: str, *, at_ms: int, who: str) -> None:
    """Point a tag at an image; pointing it where it points is no move."""
    before = image_tags.tags(tx, name).get(tag)
    if before != digest:
        image_tags.set_tag(tx, name, tag, digest)
        image_tags.add_move(tx, name, ImageMove(tag=tag, digest=digest, before=before, at_ms=at_ms, who=who))


def delete_tag(tx: Connection, name: str, tag: str, *, at_ms: int, who: str) -> None:
    """Take a tag away; one that is not there is no move."""
    before = image_tags.tags(tx, name).get(tag)
    if before is not None:
        image_tags.delete_tag(tx, name, tag)
        image_tags.add_move(tx, name, ImageMove(tag=tag, digest=None, before=before, at_ms=at_ms, who=who))
