"""The pull half of the OCI distribution API: everything is asked for by digest and verified on arrival."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Protocol, TypeVar
from urllib.parse import urlencode

import httpx
import msgspec

from registry.client.token import TOKEN_VARIABLE, authorization
from registry.core.errors import InvalidInput
from registry.core.imaging.descriptions import read_description
from registry.core.imaging.images import IMAGE_LABEL, MANIFEST_TYPE, Descriptor, ImageConfig, Index, Manifest
from registry.core.names import ImageReference
from serving.node.errors import ImageRefused, PullFailed, RegistryAway

_MAX_DOCUMENT_BYTES = 4 << 20
_NOT_JSON = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_T = TypeVar("_T")

_TIMEOUT = httpx.Timeout(30.0, connect=5.0)


class _OciSettings(msgspec.Struct, rename={"labels": "Labels"}):
    labels: dict[str, str]


class _OciConfig(msgspec.Struct):
    config: _OciSettings


class Source(Protocol):
    """Where an image's parts come from; what each raises is said at ``Puller``."""

    def manifest(self, name: str, digest: str) -> Manifest: ...

    def config(self, name: str, descriptor: Descriptor) -> ImageConfig: ...

    def blob(self, name: str, descriptor: Descriptor, file: Path) -> None: ...


class Puller:
    """Reads images of one registry. Close it, or use it as a context."""

    def __init__(self, registry_url: str) -> None:
        self._url = registry_url.rstrip("/")

    def __enter__(self) -> "Puller":
        return self

    def __exit__(self, *_: object) -> None:
        if "_http" in self.__dict__:
            self._http.close()

    @cached_property
    def _http(self) -> httpx.Client:
        """Made when first asked: it costs 20 ms, and a replica of what is here asks for nothing."""
        return httpx.Client(base_url=self._url, timeout=_TIMEOUT, trust_env=False, headers=authorization())

    def resolve(self, reference: ImageReference) -> str:
        """Return the digest that a reference names now.

        Raises:
            PullFailed: the registry is away or knows no such image.
        """
        if reference.digest:
            return reference.digest
        content = self._document(f"/v2/{reference.name}/manifests/{reference.tag}", str(reference))
        return f"sha256:{hashlib.sha256(content).hexdigest()}"

    def manifest(self, name: str, digest: str) -> Manifest:
        """Read a manifest by digest.

        Raises:
            PullFailed: the registry is away or knows no such image.
            ImageRefused: the bytes are not those of the digest, or no image manifest.
        """
        content = self._document(f"/v2/{name}/manifests/{digest}", f"{name}@{digest}")
        return read_manifest(content, digest)

    def config(self, name: str, descriptor: Descriptor) -> ImageConfig:
        """Read an image's description.

        Raises:
            PullFailed: the registry is away or has no such blob.
            ImageRefused: the bytes are not those of the digest, or describe no image of ours.
        """
        content = self._document(f"/v2/{name}/blobs/{descriptor.digest}", descriptor.digest)
        return read_config(content, descriptor.digest)

    def referrers(self, name: str, digest: str, artifact_type: str) -> list[Descriptor]:
        """List what is attached to an image, of one type, from old to new. Believe only what ``part`` returns.

        Raises:
            PullFailed: the registry is away.
            ImageRefused: the answer is no list of descriptors.
        """
        path = f"/v2/{name}/referrers/{digest}?{urlencode({'artifactType': artifact_type})}"
        content = self._document(path, f"what is attached to {name}@{digest}")
        try:
            found = msgspec.json.decode(content, type=Index).manifests
        except _NOT_JSON as error:
            raise ImageRefused(f"the list of what is attached to {digest} is not one: {error}", digest) from error
        return [one for one in found if one.artifact_type == artifact_type]

    def part(self, name: str, descriptor: Descriptor) -> Descriptor:
        """Return the part of an artefact that is listed in ``referrers``, for ``document``.

        Raises:
            PullFailed: the registry is away or has it no more.
            ImageRefused: the bytes are not those of the digest, or no artefact of one part.
        """
        artefact = self.manifest(name, descriptor.digest)
        if len(artefact.layers) != 1:
            raise ImageRefused(f"artefact {descriptor.digest} has {len(artefact.layers)} parts", descriptor.digest)
        return artefact.layers[0]

    def document(self, name: str, descriptor: Descriptor) -> bytes:
        """Read a blob of at most 4 MiB into memory.

        Raises:
            PullFailed: the registry is away or has no such blob, or it is larger.
            ImageRefused: the bytes are not those of the digest.
        """
        return _verified(self._document(f"/v2/{name}/blobs/{descriptor.digest}", descriptor.digest), descriptor.digest)

    def blob(self, name: str, descriptor: Descriptor, file: Path) -> None:
        """Stream a blob into ``file``.

        Raises:
            PullFailed: the registry is away or has no such blob.
            ImageRefused: the bytes are not those of the digest; ``file`` is left as it came.
        """
        hashed, size = hashlib.sha256(), 0
        with (
            self._stream(f"/v2/{name}/blobs/{descriptor.digest}", descriptor.digest) as response,
            file.open("wb") as out,
        ):
            for chunk in response.iter_bytes(1 << 20):
                size += len(chunk)
                if size > descriptor.size:
                    break
                hashed.update(chunk)
                out.write(chunk)
        actual = f"sha256:{hashed.hexdigest()}"
        if size != descriptor.size or actual != descriptor.digest:
            raise ImageRefused(
                f"blob {descriptor.digest} of image {name} arrived damaged: "
                + (
                    f"its bytes have digest {actual}"
                    if size == descriptor.size
                    else f"its size is not {descriptor.size}"
                ),
                descriptor.digest,
            )

    def _document(self, path: str, what: str) -> bytes:
        with self._stream(path, what) as response:
            content = bytearray()
            for chunk in response.iter_bytes():
                content += chunk
                if len(content) > _MAX_DOCUMENT_BYTES:
                    raise PullFailed(f"the registry's answer for {what} is longer than {_MAX_DOCUMENT_BYTES} bytes")
            return bytes(content)

    @contextmanager
    def _stream(self, path: str, what: str) -> Iterator[httpx.Response]:
        try:
            with self._http.stream("GET", path, headers={"accept": MANIFEST_TYPE}) as response:
                if response.status_code == 404:
                    raise PullFailed(f"the registry at {self._url} has no {what}")
                if response.status_code in (401, 403):
                    raise PullFailed(f"the registry at {self._url} wants a token: set {TOKEN_VARIABLE} on this node")
                if response.status_code != 200:
                    raise PullFailed(f"the registry at {self._url} answered {response.status_code} for {what}")
                yield response
        except httpx.HTTPError as error:
            reason = str(error) or type(error).__name__
            raise RegistryAway(f"cannot pull {what} from the registry at {self._url}: {reason}") from error


def read_manifest(content: bytes, digest: str) -> Manifest:
    """Read a manifest's bytes. Raises ImageRefused if they are not those of the digest, or no manifest."""
    return _decode(content, digest, Manifest)


def read_config(content: bytes, digest: str) -> ImageConfig:
    """Read the description in an OCI config. Raises ImageRefused if it is damaged, or describes no image of ours."""
    document = _decode(content, digest, _OciConfig)
    try:
        return read_description(document.config.labels.get(IMAGE_LABEL, ""))
    except InvalidInput as error:
        raise ImageRefused(
            f"image config {digest} has no {IMAGE_LABEL} label that this version understands: {error}", digest
        ) from error


def _decode(content: bytes, digest: str, kind: type[_T]) -> _T:
    try:
        return msgspec.json.decode(_verified(content, digest), type=kind)
    except _NOT_JSON as error:
        raise ImageRefused(f"blob {digest} is not what an image is made of: {error}", digest) from error


def _verified(content: bytes, digest: str) -> bytes:
    actual = f"sha256:{hashlib.sha256(content).hexdigest()}"
    if actual != digest:
        raise ImageRefused(f"blob {digest} arrived damaged: its bytes have digest {actual}", digest)
    return content
