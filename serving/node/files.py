"""An image's parts as files of this machine, which the registry has just written: nothing of it is pulled."""

from collections.abc import Sequence
from pathlib import Path

from registry.core.imaging.images import Descriptor, ImageConfig, Manifest
from serving.node.errors import PullFailed
from serving.node.keeping.pull import read_config, read_manifest


class Files:
    """Blobs named by the hexadecimal part of their digests, in any of ``folders``."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = folders

    def manifest(self, name: str, digest: str) -> Manifest:
        return read_manifest(self._find(digest).read_bytes(), digest)

    def config(self, name: str, descriptor: Descriptor) -> ImageConfig:
        return read_config(self._find(descriptor.digest).read_bytes(), descriptor.digest)

    def blob(self, name: str, descriptor: Descriptor, file: Path) -> None:
        """Let ``file`` lead to the blob, which is read where it is."""
        file.symlink_to(self._find(descriptor.digest))

    def _find(self, digest: str) -> Path:
        for folder in self._folders:
            file = folder.absolute() / digest.removeprefix("sha256:")
            if file.is_file():
                return file
        raise PullFailed(f"the image's blob {digest} is gone")
