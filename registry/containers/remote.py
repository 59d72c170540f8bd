"""An image in a registry. A layer is fetched once, into a scratch folder, and verified before it is used."""

import hashlib
from pathlib import Path
from typing import BinaryIO

from registry.containers.distribution import Distribution
from registry.containers.sources import (
    ACCEPTED,
    MAX_DOCUMENT_BYTES,
    ImageIndex,
    StoredImage,
    check_document,
    choose_platform,
    decode,
    decode_image,
)
from registry.core.errors import InvalidInput
from registry.core.imaging.container_locations import RegistryLocation
from registry.core.imaging.images import Descriptor, Manifest
from registry.core.names import DIGEST, check_name


class RemoteSource:
    def __init__(self, location: RegistryLocation, http: Distribution, architecture: str, scratch: Path) -> None:
        self._location = location
        self._http = http
        self._architecture = architecture
        self._scratch = scratch

    def image(self) -> StoredImage:
        what = str(self._location)
        digest, content = self._manifest(self._location.reference)
        if b'"manifests"' in content:
            entry = choose_platform(decode(content, ImageIndex, what), self._architecture, what)
            digest, content = self._manifest(entry.digest)
        manifest = decode(content, Manifest, what)
        config = self._blob(manifest.config.digest)
        return decode_image(digest, manifest, check_document(config, manifest.config.digest), what)

    def open(self, layer: Descriptor) -> BinaryIO:
        file = self._scratch / check_name("digest", layer.digest).removeprefix("sha256:")
        if not file.exists():
            self._fetch(layer, file)
        return file.open("rb")

    def close(self) -> None:
        self._http.close()

    def _manifest(self, reference: str) -> tuple[str, bytes]:
        content, media_type = self._http.manifest(reference)
        if media_type not in ACCEPTED:
            raise InvalidInput(f"{self._location} is a {media_type or 'manifest of no type'}, which is no image")
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        if DIGEST.match(reference):
            check_document(content, reference)
        return digest, content

    def _blob(self, digest: str) -> bytes:
        content = bytearray()
        with self._http.blob(digest) as chunks:
            for chunk in chunks:
                content += chunk
                if len(content) > MAX_DOCUMENT_BYTES:
                    raise InvalidInput(f"the config of {self._location} is longer than {MAX_DOCUMENT_BYTES:,} bytes")
        return bytes(content)

    def _fetch(self, layer: Descriptor, file: Path) -> None:
        part, hashed, size = file.with_suffix(".part"), hashlib.sha256(), 0
        with self._http.blob(layer.digest) as chunks, part.open("wb") as out:
            for chunk in chunks:
                size += len(chunk)
                if size > layer.size:
                    break
                hashed.update(chunk)
                out.write(chunk)
        if size != layer.size or f"sha256:{hashed.hexdigest()}" != layer.digest:
            raise InvalidInput(f"layer {layer.digest} of {self._location} arrived damaged", blob=layer.digest)
        part.rename(file)
