"""A folder in OCI's layout: ``index.json`` and blobs by digest, as skopeo, podman, umoci and we write it."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import BinaryIO

from registry.containers.sources import (
    MAX_DOCUMENT_BYTES,
    ImageIndex,
    ListedManifest,
    StoredImage,
    check_document,
    choose_platform,
    decode,
    decode_image,
)
from registry.core.errors import InvalidInput
from registry.core.imaging.images import INDEX_TYPE, Descriptor, Manifest
from registry.core.names import check_name

REFERENCE = "org.opencontainers.image.ref.name"
_LISTS = {INDEX_TYPE, "application/vnd.docker.distribution.manifest.list.v2+json"}


class Blobs(ABC):
    """Files of a layout by their path in it; archives have them too."""

    def __init__(self, what: str) -> None:
        self.what = what

    @abstractmethod
    def open(self, path: str) -> BinaryIO:
        """Open a file of the layout. Raises InvalidInput if there is none."""


class FolderBlobs(Blobs):
    def __init__(self, folder: Path, what: str) -> None:
        super().__init__(what)
        self._folder = folder

    def open(self, path: str) -> BinaryIO:
        try:
            return (self._folder / path).open("rb")
        except OSError as error:
            raise InvalidInput(f"{self.what} has no {path}: {error.strerror}") from error


class LayoutSource:
    """The image ``tag`` of a layout; without one, the only image for the processor."""

    def __init__(self, blobs: Blobs, tag: str | None, architecture: str) -> None:
        self._blobs = blobs
        self._tag = tag
        self._architecture = architecture

    def image(self) -> StoredImage:
        index = decode(self._read("index.json"), ImageIndex, self._blobs.what)
        entry = self._chosen(index)
        for _ in range(3):  # an index may list indexes; nobody nests them deeper
            if entry.media_type not in _LISTS:
                break
            inner = decode(self._document(entry.digest), ImageIndex, self._blobs.what)
            entry = choose_platform(inner, self._architecture, self._blobs.what)
        manifest = decode(self._document(entry.digest), Manifest, self._blobs.what)
        return decode_image(entry.digest, manifest, self._document(manifest.config.digest), self._blobs.what)

    def open(self, layer: Descriptor) -> BinaryIO:
        return self._blobs.open(_path(layer.digest))

    def close(self) -> None:
        pass

    def _chosen(self, index: ImageIndex) -> ListedManifest:
        tags = {entry.annotations.get(REFERENCE, ""): entry for entry in index.manifests}
        if self._tag is not None:
            if self._tag not in tags:
                there = ", ".join(sorted(filter(None, tags))) or "none"
                raise InvalidInput(f"{self._blobs.what} has no tag {self._tag!r} (it has: {there})")
            return tags[self._tag]
        if len(tags) > 1:
            there = ", ".join(sorted(filter(None, tags)))
            raise InvalidInput(f"{self._blobs.what} has several images: add :TAG, one of {there}")
        return choose_platform(index, self._architecture, self._blobs.what)

    def _document(self, digest: str) -> bytes:
        return check_document(self._read(_path(digest)), digest)

    def _read(self, path: str) -> bytes:
        with self._blobs.open(path) as file:
            content = file.read(MAX_DOCUMENT_BYTES + 1)
        if len(content) > MAX_DOCUMENT_BYTES:
            raise InvalidInput(f"{path} of {self._blobs.what} is longer than {MAX_DOCUMENT_BYTES:,} bytes")
        return content


def _path(digest: str) -> str:
    return f"blobs/sha256/{check_name('digest', digest).removeprefix('sha256:')}"
