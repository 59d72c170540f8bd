"""From a location to what is behind it: a source to read from, or a target to write to."""

from collections.abc import Callable
from pathlib import Path

from registry.containers.archives import ArchiveBlobs, DockerArchiveSource
from registry.containers.credentials import login_for
from registry.containers.distribution import Distribution
from registry.containers.layouts import FolderBlobs, LayoutSource
from registry.containers.remote import RemoteSource
from registry.containers.sources import Source
from registry.containers.targets import ArchiveTarget, LayoutTarget, RegistryTarget, Target
from registry.core.errors import InvalidInput
from registry.core.imaging.container_locations import FileLocation, Location, RegistryLocation, Transport

Reach = Callable[[RegistryLocation], Distribution]


def reach_from(own: RegistryLocation, variables: dict[str, str]) -> Reach:
    """Return how registries are reached: the workspace's ``own`` with its token, others with the logins kept here."""
    return lambda location: Distribution(location, login_for(location.host, own.host, variables))


def open_source(location: Location, architecture: str, scratch: Path, reach: Reach) -> Source:
    """Open the image at a location. Raises InvalidInput."""
    match location:
        case RegistryLocation():
            return RemoteSource(location, reach(location), architecture, scratch)
        case FileLocation(Transport.LAYOUT, path, tag):
            if not path.is_dir():
                raise InvalidInput(f"cannot read {path}: there is no such folder")
            return LayoutSource(FolderBlobs(path, str(path)), tag, architecture)
        case FileLocation(_, path, tag):
            blobs = ArchiveBlobs(path, str(path))
            if "index.json" in blobs:
                return LayoutSource(blobs, tag, architecture)
            return DockerArchiveSource(blobs, tag)


def open_target(location: Location, tag: str, own: RegistryLocation, reach: Reach) -> Target:
    """Open where an image goes; ``tag`` is what it is called where the location does not say."""
    match location:
        case RegistryLocation():
            neighbours = (own.repository,) if location.host == own.host else ()
            return RegistryTarget(reach(location), neighbours)
        case FileLocation(Transport.LAYOUT, path, given):
            return LayoutTarget(path, given or tag)
        case FileLocation(_, path, given):
            return ArchiveTarget(path, given or tag)
