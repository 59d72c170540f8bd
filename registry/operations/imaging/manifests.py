"""Manifests of a repository: those of the workspace's images, and whatever else lies beside them."""

from registry.core.errors import NotFound, WrongState
from registry.core.names import check_name
from registry.images.keeping.layout import ImageLayout
from registry.images.keeping.links import links_of
from registry.operations.deploying.desired import RUNNING
from registry.operations.imaging import image_ledger as ledger
from registry.operations.imaging.catalog import is_number
from registry.operations.security.caller import who
from registry.operations.workspace import Workspace
from registry.store import counters
from registry.store.deploying import deployments
from registry.store.imaging import image_tags, images, manifests
from registry.store.imaging.manifests import ManifestRow
from registry.store.metadata import Connection


def resolve_manifest(workspace: Workspace, name: str, reference: str) -> ManifestRow:
    """Return the manifest that a tag or a digest means now.

    Raises:
        InvalidInput: the name or the reference is not legal.
        NotFound: it names nothing; the message lists the tags there are.
    """
    with workspace.metadata.read() as tx:
        return _resolve(tx, name, reference)


def list_tags(workspace: Workspace, name: str, *, after: str = "", limit: int | None = None) -> list[str]:
    """Return a repository's tags by their characters: those behind ``after``, at most ``limit``.

    Raises:
        InvalidInput: the name is not legal.
        NotFound: nothing has the name.
    """
    with workspace.metadata.read() as tx:
        tags = image_tags.tags(tx, check_name("image", name))
        if not tags and not manifests.is_repository(tx, name):
            raise NotFound(f"nothing has the name {name!r}", name=name)
    return sorted(tag for tag in tags if tag > after)[:limit]


def delete_tag(workspace: Workspace, layout: ImageLayout, name: str, tag: str) -> None:
    """Take a tag away; what it meant stays.

    Raises:
        NotFound: there is no such tag.
        WrongState: it is an image's number.
    """
    with workspace.metadata.write() as tx:
        digest = _resolve(tx, name, tag).digest
        if is_number(tag) and digest in images.digests(tx, name):
            raise WrongState(f"{name}:{tag} is the number of an image: delete {name}@{digest}", name=name, tag=tag)
        ledger.delete_tag(tx, name, tag, at_ms=workspace.now_ms(), who=who())
    layout.untag(f"{name}:{tag}")


def delete_manifest(workspace: Workspace, layout: ImageLayout, name: str, digest: str) -> None:
    """Delete a manifest with all its tags. The number that an image had is not given again; its blobs are pruned.

    Raises:
        NotFound: there is no such manifest.
        WrongState: a deployment runs the image; the message names it.
    """
    with workspace.metadata.write() as tx:
        _resolve(tx, name, digest)
        _check_unused(tx, name, digest)
        tags = [tag for tag, at in image_tags.tags(tx, name).items() if at == digest]
        for tag in tags:
            if is_number(tag) and digest in images.digests(tx, name):
                counters.raise_to(tx, counters.image_numbers_of(name), int(tag))
            ledger.delete_tag(tx, name, tag, at_ms=workspace.now_ms(), who=who())
        manifests.delete(tx, name, digest)
    for tag in tags:
        layout.untag(f"{name}:{tag}")


def delete_blob(workspace: Workspace, layout: ImageLayout, name: str, digest: str) -> None:
    """Delete a blob that no manifest of any repository is made of.

    Raises:
        InvalidInput: the name or digest is not legal.
        NotFound: there is no such blob.
        WrongState: a manifest is made of it; the message names one.
    """
    check_name("image", name)
    with workspace.metadata.write() as tx:  # nobody can push such a manifest meanwhile
        layout.path(digest)
        for where, row, _ in manifests.all_manifests(tx):
            if digest in links_of(layout, row.digest).blobs:
                raise WrongState(f"blob {digest} is a part of {where}@{row.digest}: delete that first", digest=digest)
        layout.remove(digest)


def _resolve(tx: Connection, name: str, reference: str) -> ManifestRow:
    check_name("image", name)
    by_digest = ":" in reference
    check_name("digest" if by_digest else "tag", reference)
    tags = image_tags.tags(tx, name)
    digest = reference if by_digest else tags.get(reference)
    row = manifests.find(tx, name, digest) if digest else None
    if row is None:
        known = f"{name} has the tags {', '.join(sorted(tags))}" if tags else f"nothing has the name {name}"
        raise NotFound(f"there is no manifest {reference!r} in {name}: {known}", reference=reference)
    return row


def _check_unused(tx: Connection, name: str, digest: str) -> None:
    users = [
        f"{deployment.endpoint}/{deployment.name}"
        for deployment in deployments.all_deployments(tx)
        for revision in deployment.revisions
        if revision.image_digest == digest and revision.state in RUNNING
    ]
    if users:
        raise WrongState(
            f"{name}@{digest} is run by {', '.join(users)}: delete or change the deployment first", deployments=users
        )
