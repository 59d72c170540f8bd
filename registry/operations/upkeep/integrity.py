"""Walk everything that is stored: every blob is read again, every reference looked up."""

import hashlib
from collections import defaultdict
from collections.abc import Callable

from registry.core.errors import InvalidInput, NotFound
from registry.core.integrity import Fault, FaultKind, VerifyReport
from registry.core.times import DAY_MS
from registry.images.keeping.layout import ImageLayout
from registry.operations.imaging.image_integrity import verify_layout
from registry.operations.upkeep import blob_claims
from registry.operations.workspace import Workspace
from registry.store.blobs import BlobEntry, Blobs
from registry.store.imaging import images as image_rows
from registry.store.imaging import manifests
from registry.store.upkeep.references import Reference, all_references

# An upload is recorded a moment after it is stored, and a code folder some time before its image is built.
YOUNG_MS = DAY_MS

Progress = Callable[[int, int, str], None]  # bytes read, bytes in all, what is read now


def verify(workspace: Workspace, layout: ImageLayout, progress: Progress = lambda *_: None) -> VerifyReport:
    """Return everything that is wrong. What was written within a day is never called an orphan or leftover."""
    entries = list(workspace.blobs.entries())  # before the references: what comes in between is not missed
    image_blobs = list(layout.entries())
    references: dict[str, list[Reference]] = defaultdict(list)
    with workspace.metadata.read() as tx:
        for reference in all_references(tx):
            references[f"sha256:{reference.sha256}"].append(reference)
        kept = [(name, row.digest) for name, row, _ in manifests.all_manifests(tx)]
        images = image_rows.all_images(tx)
    total = sum(entry.size for entry in entries) + sum(entry.size for entry in image_blobs)
    young_ms = workspace.now_ms() - YOUNG_MS
    faults, done = [], 0
    for entry in entries:
        progress(done, total, entry.path)
        faults += _check(workspace.blobs, entry, references, young_ms)
        done += entry.size
    known = {entry.digest for entry in entries}
    for digest, its in sorted(references.items()):
        if digest not in known and not workspace.blobs.exists(digest):
            faults.append(_fault(FaultKind.MISSING, digest, its[0].size, its))
    faults += verify_layout(layout, image_blobs, kept, young_ms, lambda read, what: progress(done + read, total, what))
    progress(total, total, "")
    blobs = [entry for entry in entries if entry.digest is not None]
    return VerifyReport(blobs=len(blobs), bytes=sum(entry.size for entry in blobs), images=len(images), faults=faults)


def remove_orphans(workspace: Workspace) -> list[Fault]:
    """Delete blobs that nothing refers to and uploads that never became whole; return what went.

    What was written within a day stays: somebody may be about to refer to it.
    """
    old = [entry for entry in workspace.blobs.entries() if entry.written_ms <= workspace.now_ms() - YOUNG_MS]
    gone = []
    for entry in old:
        if entry.digest is None:
            workspace.blobs.remove(entry)
            gone.append(_fault(FaultKind.LEFTOVER, entry.path, entry.size, []))
    removed = blob_claims.remove_unreferenced(workspace, old)
    return [*gone, *(_fault(FaultKind.ORPHAN, blob.digest or blob.path, blob.size, []) for blob in removed)]


def _check(blobs: Blobs, entry: BlobEntry, references: dict[str, list[Reference]], young_ms: int) -> list[Fault]:
    if entry.digest is None:
        return [_fault(FaultKind.LEFTOVER, entry.path, entry.size, [])] if entry.written_ms <= young_ms else []
    its = references.get(entry.digest, [])
    if not _is_whole(blobs, entry.digest) or any(reference.size != entry.size for reference in its):
        return [_fault(FaultKind.DAMAGED, entry.digest, entry.size, its)]
    if not its and entry.written_ms <= young_ms:
        return [_fault(FaultKind.ORPHAN, entry.digest, entry.size, [])]
    return []


def _is_whole(blobs: Blobs, digest: str) -> bool:
    hashed = hashlib.sha256()
    try:
        for chunk in blobs.stream(digest):
            hashed.update(chunk)
    except (NotFound, InvalidInput):  # its name is no digest, or it was deleted while we looked
        return False
    return f"sha256:{hashed.hexdigest()}" == digest


def _fault(kind: FaultKind, blob: str, size: int, references: list[Reference]) -> Fault:
    return Fault(kind=kind, blob=blob, size=size, where=sorted(reference.where for reference in references))
