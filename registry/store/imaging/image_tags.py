"""Rows of the tags that point at images, and of the ledger of what each tag meant."""

import sqlalchemy as sa

from registry.core.imaging.image_views import ImageMove
from registry.store.metadata import Connection
from registry.store.schema import image_moves, image_tags


def set_tag(tx: Connection, name: str, tag: str, digest: str) -> None:
    """Point a tag at a digest; a tag that is there moves."""
    here = (image_tags.c.name == name) & (image_tags.c.tag == tag)
    if tx.execute(sa.update(image_tags).where(here).values(digest=digest)).rowcount == 0:
        tx.execute(sa.insert(image_tags).values(name=name, tag=tag, digest=digest))


def delete_tag(tx: Connection, name: str, tag: str) -> None:
    tx.execute(sa.delete(image_tags).where(image_tags.c.name == name, image_tags.c.tag == tag))


def tags(tx: Connection, name: str) -> dict[str, str]:
    """Return tag → digest of one image name."""
    rows = tx.execute(sa.select(image_tags.c.tag, image_tags.c.digest).where(image_tags.c.name == name))
    return {row.tag: row.digest for row in rows}


def add_move(tx: Connection, name: str, move: ImageMove) -> None:
    tx.execute(
        sa.insert(image_moves).values(
            name=name, tag=move.tag, digest=move.digest, before=move.before, at_ms=move.at_ms, who=move.who
        )
    )


def moves(tx: Connection, name: str) -> list[ImageMove]:
    """Return the ledger of one image name, from old to new."""
    query = sa.select(image_moves).where(image_moves.c.name == name).order_by(image_moves.c.at_ms, image_moves.c.id)
    return [
        ImageMove(tag=row.tag, digest=row.digest, before=row.before, at_ms=row.at_ms, who=row.who)
        for row in tx.execute(query)
    ]
