"""Judge an image of ours that was pushed, before it becomes one: what no node would run is refused here, in one error.

Nodes judge it again when they unpack it: they trust no registry.
"""

import tarfile
from pathlib import PurePosixPath

import msgspec

from registry.core.errors import InvalidInput
from registry.core.imaging.descriptions import read_description
from registry.core.imaging.images import IMAGE_LABEL, LOCK_PATH, Descriptor, ImageConfig
from registry.core.imaging.layers import check_member, plain_tar, read_lock
from registry.core.imaging.manifests import CONFIG_TYPES, PushedManifest
from registry.core.imaging.pushes import RefusedImage
from registry.core.tar_headers import BoundedTar
from registry.images.keeping.layout import ImageLayout

MAX_CONFIG_BYTES = 4 << 20
MAX_LAYERS = 256
MAX_MEMBERS = 200_000  # of all layers together: each costs the one who judges it 20 µs


class _Settings(msgspec.Struct, rename={"labels": "Labels"}):
    labels: dict[str, str] | None = None


class _OciConfig(msgspec.Struct):
    config: _Settings | None = None


def find_description(layout: ImageLayout, manifest: PushedManifest) -> ImageConfig | None:
    """Return what an image of ours says of itself in its config's label; None for any other manifest.

    Raises:
        RefusedImage: it is one of ours, and not one that this version can run.
    """
    label = _label(layout, manifest.config)
    if label is None:
        return None
    try:
        return read_description(label)
    except InvalidInput as error:
        raise RefusedImage(f"the label {IMAGE_LABEL} of the image's config cannot be used here: {error}") from error


def check_layers(layout: ImageLayout, manifest: PushedManifest) -> None:
    """Look at the name and kind of all that the layers hold.

    Raises:
        RefusedImage: a layer is compressed, no tar, or holds what it may not; the message names layer and path.
    """
    tree, layers = _Tree(), manifest.layers or []
    if len(layers) > MAX_LAYERS:
        raise RefusedImage(f"the image has {len(layers)} layers: {MAX_LAYERS} are the most")
    for layer in layers:
        try:
            with layout.path(layer.digest).open("rb") as file, BoundedTar(plain_tar(file, layer)) as tar:
                for member in tar:
                    tree.add(check_member(member), member.type)
                    if member.name == LOCK_PATH:
                        read_lock(tar, member)
        except (tarfile.TarError, ValueError, EOFError, InvalidInput) as error:
            raise RefusedImage(f"layer {layer.digest} is refused: {error}", digest=layer.digest) from error
    if LOCK_PATH not in tree.files:
        raise RefusedImage(f"the image has no {LOCK_PATH}: nothing says what its environment is made of")


class _Tree:
    """The image's file system as its layers make it."""

    def __init__(self) -> None:
        self.files: set[str] = set()  # and links
        self._folders: set[str] = set()
        self._links: set[str] = set()
        self._members = 0

    def add(self, path: str, kind: bytes) -> None:
        """Put a member there. Raises InvalidInput if it is one too many, its place is taken, or not below a folder."""
        self._members += 1
        if self._members > MAX_MEMBERS:
            raise InvalidInput(f"the image has more than {MAX_MEMBERS:,} files and folders")
        parents = {str(parent) for parent in PurePosixPath(path).parents} - {"."}
        blocked = parents & self.files
        if blocked:
            where = min(blocked)
            raise InvalidInput(
                f"{path!r} lies below {where!r}, which is a {'link' if where in self._links else 'file'}"
            )
        folder = kind == tarfile.DIRTYPE
        if path in self.files or (path in self._folders and not folder):
            raise InvalidInput(f"{path!r} is there twice")
        self._folders |= parents
        (self._folders if folder else self.files).add(path)
        if kind == tarfile.SYMTYPE:
            self._links.add(path)


def _label(layout: ImageLayout, config: Descriptor | None) -> str | None:
    if config is None or config.media_type not in CONFIG_TYPES or config.size > MAX_CONFIG_BYTES:
        return None
    try:
        settings = msgspec.json.decode(layout.path(config.digest).read_bytes(), type=_OciConfig).config
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None  # whatever it is, it is no image of ours
    return (settings.labels or {}).get(IMAGE_LABEL) if settings else None
