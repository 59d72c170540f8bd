"""The port of where a container image goes, and a folder, a file and a registry behind it. What is there is whole."""

import hashlib
import io
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol, Self

import msgspec

from registry.containers.distribution import Distribution
from registry.containers.layouts import REFERENCE
from registry.containers.sources import read_verified
from registry.core.errors import InvalidInput
from registry.core.imaging.images import MANIFEST_TYPE, Descriptor, Index
from registry.images.keeping.layout import ImageLayout
from registry.images.pack import Entry, entry_of_bytes, tar_chunks

Report = Callable[[int], None]  # so many bytes more were written


@dataclass(frozen=True)
class Piece:
    """A blob: its descriptor, and how to open its bytes (once per call)."""

    descriptor: Descriptor
    open: Callable[[], BinaryIO]

    @classmethod
    def of_bytes(cls, content: bytes, media_type: str) -> Self:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        return cls(Descriptor(media_type=media_type, digest=digest, size=len(content)), lambda: io.BytesIO(content))

    def chunks(self, report: Report) -> Iterator[bytes]:
        """Yield the bytes; raises InvalidInput at the end if they are not those of the digest."""
        with self.open() as file:
            for chunk in read_verified(file, self.descriptor):
                yield chunk
                report(len(chunk))


@dataclass(frozen=True)
class Container:
    """A container image ready to be written: config and layers as pieces, and the manifest over them."""

    name: str  # for those who look at it by name
    manifest: bytes
    pieces: tuple[Piece, ...]  # the config first

    @property
    def descriptor(self) -> Descriptor:
        digest = f"sha256:{hashlib.sha256(self.manifest).hexdigest()}"
        return Descriptor(media_type=MANIFEST_TYPE, digest=digest, size=len(self.manifest))


class Target(Protocol):
    def write(self, container: Container, report: Report) -> None:
        """Write all of it, or leave what was there.

        Raises:
            InvalidInput: it cannot be written there, or a layer is damaged.
            Unavailable: the place does not answer.
        """
        ...

    def close(self) -> None:
        """Let go of what writing needed."""
        ...


class LayoutTarget:
    """A folder in OCI's layout, new or one to add to, under ``tag``."""

    def __init__(self, folder: Path, tag: str) -> None:
        self._folder = folder
        self._tag = tag

    def write(self, container: Container, report: Report) -> None:
        marker = self._folder / "oci-layout"
        try:
            if self._folder.exists() and not marker.exists() and any(self._folder.iterdir()):
                raise InvalidInput(f"{self._folder} holds something that is no OCI layout: name another folder")
            layout = ImageLayout(self._folder)
            for piece in container.pieces:
                layout.write(piece.chunks(report), expected=piece.descriptor.digest)
            layout.write([container.manifest])
            layout.tag(self._tag, container.descriptor.digest)
            for file in (marker, self._folder / "index.json", *self._folder.glob("blobs/sha256/*")):
                file.chmod(0o644)  # who runs the image may be somebody else
        except OSError as error:
            raise InvalidInput(f"cannot write to {self._folder}: {error.strerror}") from error

    def close(self) -> None:
        pass


class ArchiveTarget:
    """A file that docker and podman load and skopeo reads, as ``docker-archive:`` and as ``oci-archive:``."""

    def __init__(self, file: Path, tag: str) -> None:
        self._file = file
        self._tag = tag

    def write(self, container: Container, report: Report) -> None:
        name = f"{container.name}:{self._tag}"
        try:
            with tempfile.NamedTemporaryFile(
                dir=self._file.parent, prefix=f".{self._file.name}-", delete=False
            ) as file:
                try:
                    for chunk in tar_chunks(_archived(container, name, report)):
                        file.write(chunk)
                    file.flush()
                    os.fsync(file.fileno())
                    os.fchmod(file.fileno(), 0o644)
                    Path(file.name).rename(self._file)
                except BaseException:
                    Path(file.name).unlink(missing_ok=True)
                    raise
        except OSError as error:
            raise InvalidInput(f"cannot write {self._file}: {error.strerror}") from error

    def close(self) -> None:
        pass


def _archived(container: Container, name: str, report: Report) -> Iterator[Entry]:
    """Yield the files of an OCI layout, and docker's ``manifest.json`` over the same blobs."""
    descriptor = msgspec.structs.replace(
        container.descriptor, annotations={REFERENCE: name.partition(":")[2], "io.containerd.image.name": name}
    )
    config, *layers = (_blob_path(piece.descriptor.digest) for piece in container.pieces)
    saved = [{"Config": config, "RepoTags": [name], "Layers": layers}]
    yield entry_of_bytes("oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
    yield entry_of_bytes("index.json", msgspec.json.encode(Index(manifests=[descriptor])))
    yield entry_of_bytes("manifest.json", msgspec.json.encode(saved))
    yield entry_of_bytes(_blob_path(descriptor.digest), container.manifest)
    for digest, piece in {piece.descriptor.digest: piece for piece in container.pieces}.items():
        yield Entry(_blob_path(digest), piece.descriptor.size, lambda piece=piece: piece.chunks(report))  # type: ignore[misc]


def _blob_path(digest: str) -> str:
    return f"blobs/sha256/{digest.removeprefix('sha256:')}"


class RegistryTarget:
    """A registry. What it has is not sent; ``neighbours`` are repositories of its own where blobs may lie already."""

    def __init__(self, http: Distribution, neighbours: tuple[str, ...]) -> None:
        self._http = http
        self._neighbours = neighbours

    def write(self, container: Container, report: Report) -> None:
        for piece in container.pieces:
            digest = piece.descriptor.digest
            if self._http.has(digest) or any(self._http.mount(digest, name) for name in self._neighbours):
                report(piece.descriptor.size)
            else:
                self._http.push(piece.descriptor, piece.chunks(report))
        self._http.push_manifest(container.manifest, MANIFEST_TYPE)

    def close(self) -> None:
        self._http.close()
