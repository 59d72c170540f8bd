"""The node's images: pulled by digest, verified, unpacked once, however many replicas ask at the same time.

An image is unpacked under ``tmp/`` and renamed to ``images/<digest>``, so what is there is whole. What a killed process
left under ``tmp/`` is removed by the next one that holds the image's lock.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec

from registry.core.names import check_name
from serving.node.errors import ImageRefused
from serving.node.locks import locked
from serving.node.pull import Puller
from serving.node.unpack import unpack_layer

DESCRIPTION = "image.json"  # at the unpacked image's root: its ImageConfig

Report = Callable[[str], None]  # a line on what is happening


class ImageCache:
    """Images below ``node``, the node's own folder."""

    def __init__(self, node: Path) -> None:
        self._images = node.absolute() / "images"
        self._tmp = node.absolute() / "tmp"
        self._locks = node / "locks"

    def ensure(self, puller: Puller, name: str, digest: str, report: Report) -> Path:
        """Return the folder of the unpacked image, pulling it first if it is not here. Blocks.

        Raises:
            PullFailed: it is not here and cannot be pulled.
            ImageRefused: what was pulled is not what the digest says.
        """
        identity = check_name("digest", digest).removeprefix("sha256:")
        image = self._images / identity
        if image.is_dir():
            return image
        with locked(self._locks / f"image-{identity}"):
            if not image.is_dir():
                report(f"pulling {name}@{digest}")
                self._pull(puller, name, digest, self._tmp / identity, image)
        return image

    def _pull(self, puller: Puller, name: str, digest: str, tmp: Path, image: Path) -> None:
        shutil.rmtree(tmp, ignore_errors=True)
        root = tmp / "root"
        root.mkdir(parents=True)
        try:
            manifest = puller.manifest(name, digest)
            config = puller.config(name, manifest.config)
            for layer in manifest.layers:
                file = tmp / "layer"
                puller.blob(name, layer, file)
                unpack_layer(file, layer.digest, root)
                file.unlink()
            if (root / DESCRIPTION).exists():
                raise ImageRefused(f"image {digest} brings its own {DESCRIPTION}", digest)
            (root / DESCRIPTION).write_bytes(msgspec.json.encode(config, order="deterministic"))
            self._images.mkdir(parents=True, exist_ok=True)
            root.rename(image)
        finally:
            shutil.rmtree(tmp, ignore_errors=True)
