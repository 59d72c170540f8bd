"""Rows of a repository's manifests, of whatever kind, and of what refers to them."""

from typing import NamedTuple

import msgspec
import sqlalchemy as sa

from registry.core.imaging.images import Descriptor
from registry.store.metadata import Connection
from registry.store.schema import image_moves, manifests, referrers
from registry.store.upsert import insert_new


class ManifestRow(NamedTuple):
    digest: str
    media_type: str


def insert(tx: Connection, name: str, digest: str, media_type: str, created_ms: int) -> None:
    """Store a manifest; one that is there stays as it is."""
    row = {"name": name, "digest": digest, "media_type": media_type, "created_ms": created_ms}
    insert_new(tx, manifests, [row])


def find(tx: Connection, name: str, digest: str) -> ManifestRow | None:
    c = manifests.c
    row = tx.execute(sa.select(c.digest, c.media_type).where(c.name == name, c.digest == digest)).one_or_none()
    return ManifestRow(*row) if row else None


def digests(tx: Connection, name: str) -> set[str]:
    """Return the digests of a repository's manifests."""
    return set(tx.scalars(sa.select(manifests.c.digest).where(manifests.c.name == name)))


def is_repository(tx: Connection, name: str) -> bool:
    """Say whether any manifest has this name, or a tag had."""
    columns = (manifests.c.name, image_moves.c.name)
    return any(tx.scalar(sa.select(column).where(column == name).limit(1)) is not None for column in columns)


def insert_referrer(tx: Connection, name: str, subject: str, descriptor: Descriptor) -> None:
    """Let a stored manifest refer to ``subject``."""
    row = {
        "name": name,
        "digest": descriptor.digest,
        "subject": subject,
        "artifact_type": descriptor.artifact_type,
        "size": descriptor.size,
        "annotations": descriptor.annotations,
    }
    insert_new(tx, referrers, [row])


def referrers_of(tx: Connection, name: str, subject: str) -> list[Descriptor]:
    """Return what refers to a manifest, from old to new."""
    both = referrers.join(manifests)
    query = sa.select(referrers, manifests.c.media_type).select_from(both)
    query = query.where(referrers.c.name == name, referrers.c.subject == subject)
    return [
        Descriptor(
            media_type=row.media_type,
            digest=row.digest,
            size=row.size,
            artifact_type=row.artifact_type,
            annotations=msgspec.convert(row.annotations, dict[str, str]),
        )
        for row in tx.execute(query.order_by(manifests.c.created_ms, manifests.c.digest))
    ]


def all_manifests(tx: Connection) -> list[tuple[str, ManifestRow, int]]:
    """Return every repository's name, manifest and the time it came, by name and from old to new."""
    c = manifests.c
    query = sa.select(c.name, c.digest, c.media_type, c.created_ms).order_by(c.name, c.created_ms, c.digest)
    return [(row.name, ManifestRow(row.digest, row.media_type), row.created_ms) for row in tx.execute(query)]


def all_referrers(tx: Connection) -> list[tuple[str, str, str]]:
    """Return (repository, what refers, its subject)."""
    c = referrers.c
    return [(row.name, row.digest, row.subject) for row in tx.execute(sa.select(c.name, c.digest, c.subject))]


def delete(tx: Connection, name: str, digest: str) -> None:
    """Delete a manifest, and with it the image that it is, its tags, and what it says to refer to."""
    tx.execute(sa.delete(manifests).where(manifests.c.name == name, manifests.c.digest == digest))
