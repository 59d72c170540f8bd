"""Where container images come from and go to, as people write it: skopeo's words for files, ``registry:`` for hosts."""

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from registry.core.addresses import is_loopback
from registry.core.errors import InvalidInput
from registry.core.names import DIGEST, IMAGE_TAG

# Distribution specification 1.1: <name> has parts, unlike an image of ours.
_REPOSITORY = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*\Z")
_HOST = re.compile(r"(?:\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+)(?::[0-9]{1,5})?\Z")
_ANSWERS_AT = {"docker.io": "registry-1.docker.io"}
FORMS = "write oci:FOLDER[:TAG], oci-archive:FILE, docker-archive:FILE or registry:HOST/NAME:TAG"


class Transport(StrEnum):
    LAYOUT = "oci"
    OCI_ARCHIVE = "oci-archive"
    DOCKER_ARCHIVE = "docker-archive"
    REGISTRY = "registry"


@dataclass(frozen=True)
class FileLocation:
    """A folder in OCI's layout or an archive; ``tag`` says which of its images, if it has several."""

    transport: Transport
    path: Path
    tag: str | None


@dataclass(frozen=True)
class RegistryLocation:
    """A manifest in the registry that people call ``host``: ``reference`` is a tag or a digest."""

    url: str
    host: str
    repository: str
    reference: str

    def __str__(self) -> str:
        separator = "@" if DIGEST.match(self.reference) else ":"
        return f"{self.host}/{self.repository}{separator}{self.reference}"


Location = FileLocation | RegistryLocation


def parse_location(text: str) -> Location:
    """Read a location.

    Raises:
        InvalidInput: it has none of the forms; the message has them.
    """
    word, colon, rest = text.partition(":")
    if not colon or word not in set(Transport) or not rest:
        hint = f" (did you mean registry:{rest.lstrip('/')}?)" if word == "docker" else ""
        raise InvalidInput(f"{text!r} names no place of a container image{hint}: {FORMS}", value=text)
    if word == Transport.REGISTRY:
        return _registry(rest, text)
    path, separator, tag = rest.rpartition(":")
    if separator and path and "/" not in tag:
        if not IMAGE_TAG.match(tag):
            raise InvalidInput(f"{tag!r} in {text!r} is no tag: letters, digits, '.', '_' and '-'", value=text)
        return FileLocation(Transport(word), Path(path), tag)
    return FileLocation(Transport(word), Path(rest), None)


def _registry(rest: str, text: str) -> RegistryLocation:
    scheme, separator, plain = rest.partition("://")
    host, slash, name = (plain if separator else rest).partition("/")
    if not slash or not _HOST.match(host) or (separator and scheme not in ("http", "https")):
        raise InvalidInput(f"{text!r} names no registry: write registry:HOST[:PORT]/NAME:TAG", value=text)
    repository, at, digest = name.partition("@")
    reference = digest
    if not at:
        repository, _, tag = name.partition(":")
        reference = tag or "latest"
    if not _REPOSITORY.match(repository) or not (DIGEST.match(reference) if at else IMAGE_TAG.match(reference)):
        raise InvalidInput(f"{name!r} in {text!r} is no image: write NAME:TAG or NAME@sha256:…", value=text)
    if not separator:
        scheme = "http" if is_loopback(_name_of(host)) else "https"
    return RegistryLocation(f"{scheme}://{_ANSWERS_AT.get(host, host)}", host, repository, reference)


def _name_of(host: str) -> str:
    return host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
