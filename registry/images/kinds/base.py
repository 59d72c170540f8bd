"""In what the kinds of images differ; everything not named here is the same for all."""

from typing import Any, NamedTuple, Protocol

from registry.core.images import Descriptor
from registry.images.inputs import BuildInputs
from registry.images.layout import ImageLayout
from registry.images.stage import Stage


class Stacked(NamedTuple):
    """A layer in its place: its blob, and the digest of what is in the blob once it is decompressed."""

    descriptor: Descriptor
    diff_id: str


class Kind(Protocol):
    def prepare(self, inputs: BuildInputs) -> BuildInputs:
        """Return the inputs as they go into the image.

        Raises:
            BuildFailed: they cannot be an image of this kind.
        """
        ...

    def base(self, inputs: BuildInputs, layout: ImageLayout, stage: Stage) -> list[Stacked]:
        """Return what the image's own layers are stacked on; its blobs are in ``layout`` or go into ``stage``."""
        ...

    def container(self, inputs: BuildInputs, settings: dict[str, Any]) -> dict[str, Any]:
        """Return the ``config`` object of the OCI config, from the one that every image has."""
        ...
