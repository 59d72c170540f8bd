"""In what the kinds of images differ; everything not named here is the same for all."""

from typing import Protocol

from registry.images.inputs import BuildInputs


class Kind(Protocol):
    def prepare(self, inputs: BuildInputs) -> BuildInputs:
        """Return the inputs as they go into the image, with what the kind adds to its description.

        Raises:
            BuildFailed: they cannot be an image of this kind.
        """
        ...
