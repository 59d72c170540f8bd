"""A layer to be: its kind and what lies in it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from registry.core.imaging.images import GZIP_LAYER_TYPE, LAYER_ANNOTATION, LAYER_TYPE, PATH_ANNOTATION, LayerKind
from registry.images.pack import Entry, Link

LARGE_BYTES = 1 << 20  # a file of this size has a layer of its own, so that images which share it share the layer
MAX_LARGE_MODEL_FILES = 64  # layers are limited, by some file systems and registries to 127 of an image
MAX_LARGE_WHEELS = 32


@dataclass(frozen=True, slots=True)
class Layer:
    """``path`` says where the only file lies, in a layer that has just one for the sake of sharing."""

    kind: LayerKind
    entries: tuple[Entry | Link, ...]
    path: str = ""

    @property
    def media_type(self) -> str:
        """The scoring process' source, a third of an image without a large model, is compressed; nothing else is."""
        return GZIP_LAYER_TYPE if self.kind is LayerKind.SCORING else LAYER_TYPE

    @property
    def annotations(self) -> dict[str, str]:
        return {LAYER_ANNOTATION: self.kind.value, **({PATH_ANNOTATION: self.path} if self.path else {})}

    @property
    def title(self) -> str:
        """What a line of the build's log calls it."""
        return f"{self.kind} {self.path}" if self.path else f"{self.kind}"


def split_large(kind: LayerKind, groups: Sequence[Sequence[Entry]], most: int) -> Iterator[Layer]:
    """Yield a layer for each large file of all groups, at most ``most``, by path; then one of each group's others."""
    largest = sorted((entry for group in groups for entry in group), key=lambda entry: (-entry.size, entry.path))
    large = {entry.path for entry in largest[:most] if entry.size >= LARGE_BYTES}
    for entry in sorted(largest, key=lambda entry: entry.path):
        if entry.path in large:
            yield Layer(kind, (entry,), entry.path)
    for group in groups:
        others = tuple(entry for entry in group if entry.path not in large)
        if others:
            yield Layer(kind, others)
