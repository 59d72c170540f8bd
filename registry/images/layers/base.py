"""A layer to be: its kind and what lies in it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from registry.core.images import GZIP_LAYER_TYPE, LAYER_ANNOTATION, LAYER_TYPE, PATH_ANNOTATION, LayerKind
from registry.images.pack import Entry, Link

LARGE_BYTES = 1 << 20  # a file of this size has a layer of its own, so that images which share it share the layer
MAX_LARGE = 64  # of one group of files; an image's layers are limited, in some registries to 127


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


def split_large(kind: LayerKind, entries: Iterable[Entry]) -> Iterator[Layer]:
    """Yield a layer for each large file, the largest ``MAX_LARGE``, by path; then one with all the others."""
    ordered = sorted(entries, key=lambda entry: (-entry.size, entry.path))
    large = sorted((entry for entry in ordered[:MAX_LARGE] if entry.size >= LARGE_BYTES), key=lambda entry: entry.path)
    for entry in large:
        yield Layer(kind, (entry,), entry.path)
    rest = tuple(ordered[len(large) :])
    if rest:
        yield Layer(kind, rest)
