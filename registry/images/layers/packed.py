"""Layers as blobs. One whose files' digests are known is packed once, and then found by them without being read."""

import hashlib
import tempfile
from pathlib import Path
from typing import NamedTuple

import msgspec

from registry.core.errors import NotFound
from registry.core.imaging.images import LAYER_TYPE
from registry.images.deflate import gzip_bytes
from registry.images.keeping.layout import ImageLayout
from registry.images.keeping.stage import Stage
from registry.images.layers.base import Layer
from registry.images.pack import Entry, tar_chunks

_FORMAT = 3  # of what ``pack.py`` and ``deflate.py`` write


class Blob(NamedTuple):
    digest: str
    size: int
    diff_id: str  # digest of what is in it


class PackedLayers:
    """Remembers beside the layout which blob a layer became."""

    def __init__(self, layout: ImageLayout) -> None:
        self._layout = layout
        self._notes = layout.folder / "packed"
        self._notes.mkdir(exist_ok=True)

    def find(self, layer: Layer) -> Blob | None:
        """Return the blob that the layer is, if it was packed before and is still there."""
        note = self._note(layer)
        if note is None or not note.exists():
            return None
        blob = msgspec.json.decode(note.read_bytes(), type=Blob)
        try:
            self._layout.refresh(blob.digest)
        except NotFound:
            return None
        return blob

    def pack(self, layer: Layer, stage: Stage) -> Blob:
        """Pack the layer into ``stage``.

        Raises:
            BuildFailed, InvalidInput: as ``pack.tar_chunks``.
        """
        blob = _pack(layer, stage)
        note = self._note(layer)
        if note is not None:
            with tempfile.NamedTemporaryFile(dir=self._notes, prefix="new-", delete=False) as file:
                file.write(msgspec.json.encode(blob))
            Path(file.name).rename(note)
        return blob

    def _note(self, layer: Layer) -> Path | None:
        files = [(entry.path, entry.size, entry.sha256) for entry in layer.entries if isinstance(entry, Entry)]
        if len(files) < len(layer.entries) or not all(sha256 for _, _, sha256 in files):
            return None
        return self._notes / hashlib.sha256(msgspec.json.encode([_FORMAT, sorted(files)])).hexdigest()


def _pack(layer: Layer, stage: Stage) -> Blob:
    if layer.media_type == LAYER_TYPE:
        digest, size = stage.write(tar_chunks(layer.entries))
        return Blob(digest, size, digest)
    content = b"".join(tar_chunks(layer.entries))
    digest, size = stage.write([gzip_bytes(content)])
    return Blob(digest, size, f"sha256:{hashlib.sha256(content).hexdigest()}")
