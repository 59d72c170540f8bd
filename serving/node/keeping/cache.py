"""The node's images: pulled by digest, verified, unpacked once, however many replicas ask at the same time."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import msgspec

from registry.core.imaging.images import Descriptor, Manifest
from registry.core.names import check_name
from serving.node.errors import ImageRefused
from serving.node.keeping.entries import Entries
from serving.node.keeping.kept import RECORD, KeptImage
from serving.node.keeping.layers import exchange_ends, key_of
from serving.node.keeping.locks import Hold
from serving.node.keeping.pull import Source
from serving.node.keeping.room import Room

DESCRIPTION = "image.json"  # at the unpacked image's root: its ImageConfig

Report = Callable[[str], None]  # a line on what is happening


class ImageCache:
    """Images of a node, each with its root beside its record."""

    def __init__(self, room: Room) -> None:
        self._room = room

    def ensure(self, source: Source, name: str, digest: str, report: Report) -> tuple[Path, Hold]:
        """Return the root of the unpacked image, pulled first if it is not here, and a hold that keeps it. Blocks.

        Raises:
            PullFailed: it is not here and cannot be pulled.
            ImageRefused: what was pulled is not what the digest says.
            DiskRefused: the disk is full, or refuses to write.
        """
        key = key_of(check_name("digest", digest))
        entries = self._room.images

        def make(tmp: Path, _inherit: object) -> None:
            report(f"pulling {name}@{digest}")
            self._pull(source, name, digest, tmp / "made", report)
            entries.publish(tmp / "made", key)

        try:
            hold = entries.ensure(key, lambda: self._is_whole(entries, key), make)
        except ImageRefused:
            self._room.make(0)  # its layers are nobody's
            raise
        return entries.path(key) / "root", hold

    def _is_whole(self, entries: Entries, key: str) -> bool:
        record, root = self._room.image(key), entries.path(key) / "root"
        if record is None or not _says(root / DESCRIPTION, record.description):
            return False
        return all(self._room.layers.is_whole(layer, root) for layer in record.layers)

    def _pull(self, source: Source, name: str, digest: str, made: Path, report: Report) -> None:
        root = made / "root"
        root.mkdir(parents=True)
        manifest = source.manifest(name, digest)
        config = source.config(name, manifest.config)
        with ExitStack() as held:
            for layer in manifest.layers:  # what an earlier try left is not to go while room is made
                held.enter_context(self._room.layers.hold(_layer_key(layer)))
            self._room.make(self._incoming_bytes(manifest))
            for layer in manifest.layers:
                held.enter_context(self._room.layers.ensure(source, name, layer, report))
                self._room.layers.link(_layer_key(layer), root)
            for (
                model
            ) in config.models:  # real folders: some code, mlflow's among it, takes no link that leads elsewhere
                exchange_ends(root / model.path)
            if (root / DESCRIPTION).exists():
                raise ImageRefused(f"image {digest} brings its own {DESCRIPTION}", digest)
            description = msgspec.json.encode(config, order="deterministic").decode()
            (root / DESCRIPTION).write_text(description)
            layers = [_layer_key(layer) for layer in manifest.layers]
            record = KeptImage(name=name, layers=layers, description=description)
            (made / RECORD).write_bytes(msgspec.json.encode(record))

    def _incoming_bytes(self, manifest: Manifest) -> int:
        """Return what must be written: the layers that are not here, and the archive of the largest beside itself."""
        missing = [layer.size for layer in manifest.layers if self._room.layers.record(_layer_key(layer)) is None]
        return sum(missing) + max(missing, default=0)


def _layer_key(layer: Descriptor) -> str:
    return key_of(check_name("digest", layer.digest))


def _says(file: Path, text: str) -> bool:
    try:
        return file.read_bytes() == text.encode()
    except OSError:
        return False
