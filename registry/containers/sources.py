"""The port of where images are read, and what reading one of them gives."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol, TypeVar

import msgspec

from registry.core.errors import InvalidInput
from registry.core.imaging.images import CONFIG_TYPE, INDEX_TYPE, LAYER_TYPE, MANIFEST_TYPE, Descriptor, Manifest

T = TypeVar("T")

CHUNK_BYTES = 1 << 20
MAX_DOCUMENT_BYTES = 4 << 20  # of a manifest or a config
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
ACCEPTED = (MANIFEST_TYPE, INDEX_TYPE, DOCKER_MANIFEST, DOCKER_LIST)

# Docker's words for what OCI has a word for, too: the bytes are the same.
_AS_OCI = {
    DOCKER_MANIFEST: MANIFEST_TYPE,
    "application/vnd.docker.container.image.v1+json": CONFIG_TYPE,
    "application/vnd.docker.image.rootfs.diff.tar": LAYER_TYPE,
    "application/vnd.docker.image.rootfs.diff.tar.gzip": f"{LAYER_TYPE}+gzip",
    "application/vnd.docker.image.rootfs.diff.tar.zstd": f"{LAYER_TYPE}+zstd",
}
_LAYER_TYPES = {LAYER_TYPE, f"{LAYER_TYPE}+gzip", f"{LAYER_TYPE}+zstd"}


@dataclass(frozen=True)
class StoredImage:
    """``digest`` is the manifest's, or the config's where there is no manifest. ``config`` is OCI's or Docker's."""

    digest: str
    config: dict[str, Any]
    layers: tuple[Descriptor, ...]

    @property
    def diff_ids(self) -> list[str]:
        """The digests of the uncompressed layers."""
        return [str(digest) for digest in self.config["rootfs"]["diff_ids"]]


class Source(Protocol):
    """One image at one place."""

    def image(self) -> StoredImage:
        """Read what it is made of.

        Raises:
            InvalidInput: there is no such image, or it cannot be read.
            Unavailable: the place does not answer.
        """
        ...

    def open(self, layer: Descriptor) -> BinaryIO:
        """Open a layer's bytes, as they are stored. Raises as ``image``."""
        ...

    def close(self) -> None:
        """Let go of what reading needed."""
        ...


class Platform(msgspec.Struct, frozen=True):
    architecture: str
    os: str


class ListedManifest(msgspec.Struct, frozen=True, rename="camel"):
    """An entry of an index, or of Docker's manifest list."""

    digest: str
    size: int
    media_type: str = MANIFEST_TYPE
    platform: Platform | None = None
    annotations: dict[str, str] = {}


class ImageIndex(msgspec.Struct, frozen=True, rename="camel"):
    manifests: list[ListedManifest]


def choose_platform(index: ImageIndex, architecture: str, what: str) -> ListedManifest:
    """Return the entry for a processor.

    Raises:
        InvalidInput: there is none.
    """
    platforms = [entry.platform for entry in index.manifests if entry.platform]
    for entry in index.manifests:
        if entry.platform is None or entry.platform == Platform(architecture, "linux"):
            return entry
    there = ", ".join(sorted({f"{one.os}/{one.architecture}" for one in platforms})) or "nothing"
    raise InvalidInput(f"{what} is not for linux/{architecture}: it has {there}")


def decode_image(digest: str, manifest: Manifest, config: bytes, what: str) -> StoredImage:
    """Put an image together from its documents, in OCI's words.

    Raises:
        InvalidInput: it is no image of layers that can be read.
    """
    layers = tuple(
        msgspec.structs.replace(layer, media_type=_AS_OCI.get(layer.media_type, layer.media_type))
        for layer in manifest.layers
    )
    for layer in layers:
        if layer.media_type not in _LAYER_TYPES:
            raise InvalidInput(f"{what} has a layer of type {layer.media_type}: only tar, gzip and zstd are read")
    return StoredImage(digest, decode_config(config, len(layers), what), layers)


def decode_config(content: bytes, layers: int, what: str) -> dict[str, Any]:
    """Read an image's config. Raises InvalidInput unless it has as many diff ids as there are layers."""
    document = decode(content, dict[str, Any], what)
    found = document.get("rootfs", {}).get("diff_ids") if isinstance(document.get("rootfs"), dict) else None
    if not isinstance(found, list) or len(found) != layers:
        raise InvalidInput(f"{what} is no container image: its config does not name its {layers} layers")
    return document


def decode(content: bytes, kind: type[T], what: str) -> T:
    """Read a document. Raises InvalidInput."""
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.MsgspecError as error:
        raise InvalidInput(f"{what} is not what an image is made of: {error}") from error


def read_verified(file: BinaryIO, descriptor: Descriptor) -> Iterator[bytes]:
    """Yield a blob's chunks. Raises InvalidInput at its end if they are not those of its digest."""
    hashed = hashlib.sha256()
    while chunk := file.read(CHUNK_BYTES):
        hashed.update(chunk)
        yield chunk
    actual = f"sha256:{hashed.hexdigest()}"
    if actual != descriptor.digest:
        raise InvalidInput(f"layer {descriptor.digest} is damaged: its bytes have digest {actual}", blob=actual)


def check_document(content: bytes, digest: str) -> bytes:
    """Return a manifest or config if it has the digest. Raises InvalidInput."""
    actual = f"sha256:{hashlib.sha256(content).hexdigest()}"
    if actual != digest:
        raise InvalidInput(f"blob {digest} is damaged: its bytes have digest {actual}", blob=digest)
    return content


def file_digest(file: Path) -> tuple[str, int]:
    """Return a file's digest and size."""
    with file.open("rb") as stream:
        return f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}", file.stat().st_size
