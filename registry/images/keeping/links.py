"""What a manifest of any kind refers to, read without knowing more of it: OCI's and Docker's have the same fields."""

from typing import NamedTuple

import msgspec

from registry.core.errors import NotFound, Unavailable
from registry.images.keeping.layout import ImageLayout


class _Link(msgspec.Struct):
    digest: str


class _AnyManifest(msgspec.Struct):
    config: _Link | None = None
    layers: list[_Link] | None = None  # clients in Go write null for an empty list
    manifests: list[_Link] | None = None


class Links(NamedTuple):
    """Digests. ``blobs`` begins with the manifest's own; ``children`` are an index' manifests."""

    blobs: list[str]
    children: list[str]


def links_of(layout: ImageLayout, digest: str) -> Links:
    """Return what a manifest refers to.

    Raises:
        Unavailable: it is missing or damaged, so nobody can say what it needs.
    """
    try:
        found = msgspec.json.decode(layout.path(digest).read_bytes(), type=_AnyManifest)
    except (NotFound, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        message = f"manifest {digest} cannot be read, so what it needs is unknown: `slipway registry verify` says more"
        raise Unavailable(message, digest=digest) from error
    config = [found.config.digest] if found.config else []
    layers = [layer.digest for layer in found.layers or []]
    return Links([digest, *config, *layers], [child.digest for child in found.manifests or []])
