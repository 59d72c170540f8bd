"""Manifests of a repository: those of the workspace's images, and whatever else lies beside them."""

from registry.core.errors import NotFound
from registry.core.names import check_name
from registry.operations.workspace import Workspace
from registry.store import image_tags, manifests
from registry.store.manifests import ManifestRow


def resolve_manifest(workspace: Workspace, name: str, reference: str) -> ManifestRow:
    """Return the manifest that a tag or a digest means now.

    Raises:
        InvalidInput: the name or the reference is not legal.
        NotFound: it names nothing; the message lists the tags there are.
    """
    check_name("image", name)
    by_digest = ":" in reference
    check_name("digest" if by_digest else "tag", reference)
    with workspace.metadata.read() as tx:
        tags = image_tags.tags(tx, name)
        digest = reference if by_digest else tags.get(reference)
        row = manifests.find(tx, name, digest) if digest else None
    if row is None:
        known = f"{name} has the tags {', '.join(sorted(tags))}" if tags else f"nothing has the name {name}"
        raise NotFound(f"there is no manifest {reference!r} in {name}: {known}", reference=reference)
    return row
