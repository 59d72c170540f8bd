"""Rows of images, each read with the tags that point at it."""

from collections import defaultdict
from typing import Any

import msgspec
import sqlalchemy as sa

from registry.core.imaging.images import Descriptor, Image, ImageConfig
from registry.core.names import IMAGE_NUMBER
from registry.store.metadata import Connection
from registry.store.schema import image_tags, images


def insert(tx: Connection, image: Image) -> None:
    """Store everything but the tags."""
    tx.execute(
        sa.insert(images).values(
            name=image.name,
            digest=image.digest,
            config=msgspec.to_builtins(image.config),
            layers=msgspec.to_builtins(image.layers),
            size_bytes=image.size_bytes,
            labels=image.labels,
            description=image.description,
            created_ms=image.created_ms,
        )
    )


def update(tx: Connection, name: str, digest: str, *, labels: dict[str, str], description: str) -> None:
    """Replace what people may change of an image."""
    here = (images.c.name == name) & (images.c.digest == digest)
    tx.execute(sa.update(images).where(here).values(labels=labels, description=description))


def find(tx: Connection, name: str, digest: str) -> Image | None:
    found = _load(tx, sa.select(images).where(images.c.name == name, images.c.digest == digest))
    return found[0] if found else None


def digests(tx: Connection, name: str) -> set[str]:
    """Return the digests of the images of one name."""
    return set(tx.scalars(sa.select(images.c.digest).where(images.c.name == name)))


def all_images(tx: Connection) -> list[Image]:
    """Return every image, by name and then from old to new."""
    return _load(tx, sa.select(images).order_by(images.c.name, images.c.created_ms, images.c.digest))


def _load(tx: Connection, query: sa.Select[Any]) -> list[Image]:
    rows = tx.execute(query).all()
    by_image: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in tx.execute(sa.select(image_tags).where(image_tags.c.name.in_({row.name for row in rows}))):
        by_image[row.name, row.digest].append(row.tag)
    return [
        Image(
            name=row.name,
            digest=row.digest,
            tags=sorted(by_image[row.name, row.digest], key=_numbers_first),
            config=msgspec.convert(row.config, ImageConfig),
            size_bytes=row.size_bytes,
            layers=msgspec.convert(row.layers, list[Descriptor]),
            labels=row.labels,
            description=row.description,
            created_ms=row.created_ms,
        )
        for row in rows
    ]


def _numbers_first(tag: str) -> tuple[bool, int, str]:
    number = IMAGE_NUMBER.match(tag) is not None
    return (not number, int(tag) if number else 0, tag)
