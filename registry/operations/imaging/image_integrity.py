"""Walk the image layout: every manifest of every repository, and every blob that one of them needs, once."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

from registry.core.errors import NotFound, Unavailable
from registry.core.integrity import Fault, FaultKind
from registry.images.keeping.layout import BlobFile, ImageLayout
from registry.images.keeping.links import links_of
from registry.images.pack import read_chunks

Repository = tuple[str, str]  # name, a manifest's digest


def verify_layout(
    layout: ImageLayout,
    entries: Sequence[BlobFile],
    manifests: Sequence[Repository],
    young_ms: int,
    progress: Callable[[int, str], None],
) -> list[Fault]:
    """Return what is missing, damaged, or needed by nothing and written before ``young_ms``.

    ``entries`` were listed before ``manifests``, so that what comes in between is not missed. ``progress`` is told the
    bytes that have been read, and what of.
    """
    needed, unreadable = _needed(layout, manifests)
    faults = list(unreadable)
    sizes = {entry.digest: entry.size for entry in entries}
    done = 0
    for digest, where in needed.items():
        progress(done, where[0])
        faults += _check(layout, digest, sizes.get(digest, 0), where)
        done += sizes.get(digest, 0)
    if unreadable:  # nobody can say what those need
        return faults
    orphans = (entry for entry in entries if entry.digest not in needed and entry.written_ms <= young_ms)
    return [*faults, *(Fault(kind=FaultKind.ORPHAN, blob=entry.digest, size=entry.size) for entry in orphans)]


def _needed(layout: ImageLayout, manifests: Sequence[Repository]) -> tuple[dict[str, list[str]], list[Fault]]:
    """Return blob → the manifests that need it, and the manifests that cannot be read."""
    needed: dict[str, list[str]] = defaultdict(list)
    faults: list[Fault] = []
    for name, digest in manifests:
        where = f"image {name}@{digest}"
        try:
            for blob in links_of(layout, digest).blobs:
                needed[blob].append(where)
        except Unavailable:
            faults += _check(layout, digest, 0, [where])
    return needed, faults


def _check(layout: ImageLayout, digest: str, size: int, where: list[str]) -> Iterator[Fault]:
    try:
        path = layout.path(digest)
        hashed = hashlib.sha256()
        for chunk in read_chunks(path):
            hashed.update(chunk)
    except (NotFound, FileNotFoundError):
        yield Fault(kind=FaultKind.MISSING, blob=digest, size=size, where=where)
        return
    if f"sha256:{hashed.hexdigest()}" != digest:
        yield Fault(kind=FaultKind.DAMAGED, blob=digest, size=size, where=where)
