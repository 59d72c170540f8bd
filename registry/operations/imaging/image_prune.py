"""Give back what no revision and no tag refers to: look first, then do it."""

from collections import defaultdict
from dataclasses import dataclass

from registry.core.imaging.image_prune import Key, ManifestFacts, PruneItem, PruneOrder, PrunePlan, reasons_to_keep
from registry.core.names import ImageReference
from registry.core.times import DAY_MS
from registry.images.keeping.layout import BlobFile, ImageLayout
from registry.images.keeping.links import Links, links_of
from registry.operations.imaging import image_ledger as ledger
from registry.operations.imaging.catalog import is_number
from registry.operations.security.caller import who
from registry.operations.upkeep.integrity import YOUNG_MS
from registry.operations.workspace import Workspace
from registry.store import counters
from registry.store.deploying import deployments
from registry.store.imaging import image_tags, images, manifests
from registry.store.metadata import Connection


def preview(workspace: Workspace, layout: ImageLayout, order: PruneOrder) -> PrunePlan:
    """Return what would go, and what it would free.

    Raises:
        Unavailable: a manifest cannot be read, so what it needs is unknown.
    """
    with workspace.metadata.read() as tx:
        return _find(tx, layout, order, workspace.now_ms()).plan(done=False)


def prune(workspace: Workspace, layout: ImageLayout, order: PruneOrder) -> PrunePlan:
    """Delete it. Numbers that were given are not given again. Raises as ``preview``.

    Blobs are deleted while nobody else writes, so that nothing can begin to refer to them meanwhile. A registry that is
    killed in between leaves blobs that nothing refers to, and the next prune deletes them.
    """
    with workspace.metadata.write() as tx:
        found = _find(tx, layout, order, workspace.now_ms())
        for fact in found.gone:
            for number in fact.numbers:
                counters.raise_to(tx, counters.image_numbers_of(fact.name), number)
                ledger.delete_tag(tx, fact.name, str(number), at_ms=workspace.now_ms(), who=who())
            manifests.delete(tx, fact.name, fact.digest)
    still_there = {digest for _, digest in found.kept}
    layout.forget({fact.digest for fact in found.gone} - still_there)
    with workspace.metadata.write() as tx:
        needed = _needed(tx, layout)
        free = [blob for blob in found.free if blob.digest not in needed]
        freed = [blob for blob in free if layout.remove_left_over(blob)]  # not what a build has just begun to rely on
    return found.plan(done=True, freed=freed)


@dataclass(frozen=True)
class _Found:
    gone: list[ManifestFacts]
    kept: dict[Key, str]
    kinds: dict[Key, str]
    links: dict[str, Links]
    images: set[Key]
    free: list[BlobFile]  # what nothing needs once ``gone`` is gone

    def plan(self, *, done: bool, freed: list[BlobFile] | None = None) -> PrunePlan:
        freed = self.free if freed is None else freed
        sizes = {blob.digest: blob.size for blob in self.free}
        items = [
            PruneItem(
                reference=_reference(fact),
                digest=fact.digest,
                media_type=self.kinds[fact.key],
                created_ms=fact.created_ms,
                bytes=sum(sizes.get(blob, 0) for blob in set(self.links[fact.digest].blobs)),
            )
            for fact in self.gone
        ]
        size = sum(blob.size for blob in freed)
        return PrunePlan(
            items=items,
            kept=len(self.kept),
            kept_images=len(self.images.intersection(self.kept)),
            blobs=len(freed),
            bytes=size,
            done=done,
        )


def _find(tx: Connection, layout: ImageLayout, order: PruneOrder, now_ms: int) -> _Found:
    rows = manifests.all_manifests(tx)
    links = {row.digest: links_of(layout, row.digest) for _, row, _ in rows}
    facts = _facts(tx, rows, links)
    before_ms = now_ms - int(order.older_than_days * DAY_MS)
    kept = reasons_to_keep(facts, keep=order.keep, before_ms=before_ms)
    needed = {blob for _, digest in kept for blob in links[digest].blobs}
    young_ms = now_ms - YOUNG_MS
    free = [blob for blob in layout.entries() if blob.digest not in needed and blob.written_ms <= young_ms]
    kinds = {(name, row.digest): row.media_type for name, row, _ in rows}
    numbered = {(name, digest) for name in {name for name, _, _ in rows} for digest in images.digests(tx, name)}
    return _Found([fact for fact in facts if fact.key not in kept], kept, kinds, links, numbered, free)


def _facts(
    tx: Connection, rows: list[tuple[str, manifests.ManifestRow, int]], links: dict[str, Links]
) -> list[ManifestFacts]:
    users = _users(tx)
    subjects = {(name, digest): subject for name, digest, subject in manifests.all_referrers(tx)}
    tags: dict[Key, list[str]] = defaultdict(list)
    for name in {name for name, _, _ in rows}:
        for tag, digest in sorted(image_tags.tags(tx, name).items()):
            tags[name, digest].append(tag)
    return [
        ManifestFacts(
            name=name,
            digest=row.digest,
            created_ms=created_ms,
            numbers=tuple(int(tag) for tag in tags[name, row.digest] if is_number(tag)),
            tags=tuple(tag for tag in tags[name, row.digest] if not is_number(tag)),
            users=tuple(users[row.digest]),
            children=tuple(links[row.digest].children),
            subject=subjects.get((name, row.digest)),
        )
        for name, row, created_ms in rows
    ]


def _users(tx: Connection) -> dict[str, list[str]]:
    """Return image digest → the revisions that run it, have run it, or failed to."""
    users: dict[str, list[str]] = defaultdict(list)
    for deployment in deployments.all_deployments(tx):
        for revision in deployment.revisions:
            users[revision.image_digest].append(f"{deployment.endpoint}/{deployment.name} revision {revision.number}")
    return users


def _needed(tx: Connection, layout: ImageLayout) -> set[str]:
    return {blob for _, row, _ in manifests.all_manifests(tx) for blob in links_of(layout, row.digest).blobs}


def _reference(fact: ManifestFacts) -> str:
    number = str(max(fact.numbers)) if fact.numbers else None
    return str(ImageReference(fact.name, number, None if number else fact.digest))
