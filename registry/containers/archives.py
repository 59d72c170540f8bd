"""One file with an image in it: an OCI layout as a tar, or what ``docker save`` and podman write."""

import hashlib
import posixpath
import tarfile
from pathlib import Path
from typing import BinaryIO, cast

import msgspec

from registry.containers.layouts import Blobs
from registry.containers.sources import (
    CHUNK_BYTES,
    MAX_DOCUMENT_BYTES,
    StoredImage,
    decode,
    decode_config,
)
from registry.core.errors import InvalidInput
from registry.core.imaging.images import LAYER_TYPE, Descriptor

_MAGIC = {b"\x1f\x8b": "+gzip", b"\x28\xb5\x2f\xfd": "+zstd"}


class ArchiveBlobs(Blobs):
    """A tar's files, found where they lie in it: nothing is unpacked."""

    def __init__(self, file: Path, what: str) -> None:
        super().__init__(what)
        try:
            self._tar = tarfile.open(file, "r:")  # noqa: SIM115 (kept open)
            self._members = {posixpath.normpath(member.name): member for member in self._tar}
        except (OSError, tarfile.TarError) as error:
            reason = (
                error.strerror if isinstance(error, OSError) else f"{error}; a compressed one must be unpacked first"
            )
            raise InvalidInput(f"cannot read {file} as an archive: {reason}") from error

    def __contains__(self, path: str) -> bool:
        return path in self._members

    def open(self, path: str) -> BinaryIO:
        member = self._members.get(path)
        if member is not None and member.issym():  # docker's way to keep equal layers once
            member = self._members.get(posixpath.normpath(posixpath.join(posixpath.dirname(path), member.linkname)))
        content = self._tar.extractfile(member) if member is not None and member.isreg() else None
        if content is None:
            raise InvalidInput(f"{self.what} has no {path}")
        return cast(BinaryIO, content)

    def close(self) -> None:
        self._tar.close()


class _Saved(msgspec.Struct, rename="pascal"):
    config: str
    layers: list[str]
    repo_tags: list[str] | None = None


class DockerArchiveSource:
    """What ``docker save`` writes: ``manifest.json`` names a config and layers, whose digests it does not say."""

    def __init__(self, blobs: ArchiveBlobs, tag: str | None) -> None:
        self._blobs = blobs
        self._tag = tag
        self._paths: dict[str, str] = {}

    def image(self) -> StoredImage:
        saved = self._chosen(decode(self._read("manifest.json"), list[_Saved], self._blobs.what))
        content = self._read(saved.config)
        config = decode_config(content, len(saved.layers), self._blobs.what)
        layers = tuple(self._layer(path) for path in saved.layers)
        return StoredImage(f"sha256:{hashlib.sha256(content).hexdigest()}", config, layers)

    def open(self, layer: Descriptor) -> BinaryIO:
        return self._blobs.open(self._paths[layer.digest])

    def close(self) -> None:
        self._blobs.close()

    def _chosen(self, images: list[_Saved]) -> _Saved:
        for image in images:
            tags = [reference.rpartition(":")[2] for reference in image.repo_tags or []]
            if (self._tag is None and len(images) == 1) or self._tag in tags:
                return image
        there = ", ".join(reference for image in images for reference in image.repo_tags or []) or "none with a tag"
        raise InvalidInput(f"{self._blobs.what} has {len(images)} images ({there}): add :TAG of one of them")

    def _layer(self, path: str) -> Descriptor:
        hashed, size = hashlib.sha256(), 0
        with self._blobs.open(path) as file:
            head = chunk = file.read(CHUNK_BYTES)
            while chunk:
                hashed.update(chunk)
                size += len(chunk)
                chunk = file.read(CHUNK_BYTES)
        compression = next((name for magic, name in _MAGIC.items() if head.startswith(magic)), "")
        digest = f"sha256:{hashed.hexdigest()}"
        self._paths[digest] = path
        return Descriptor(media_type=f"{LAYER_TYPE}{compression}", digest=digest, size=size)

    def _read(self, path: str) -> bytes:
        with self._blobs.open(path) as file:
            return file.read(MAX_DOCUMENT_BYTES)
