"""A model's files by its position in the image, and links with its name and version that lead there.

The version's number is in the links alone: two versions with a large file in common have its layer in common.
"""

from collections.abc import Iterator

from registry.core.imaging.images import MODEL_FILES_PATH, MODELS_PATH, LayerKind
from registry.images.inputs import ModelInput
from registry.images.layers.base import MAX_LARGE_MODEL_FILES, Layer, split_large
from registry.images.pack import Link


def model_layers(models: tuple[ModelInput, ...]) -> Iterator[Layer]:
    """Yield the layers of every model's files, then the small one of the links."""
    placed = [
        [entry.below(f"{MODEL_FILES_PATH}/{position}") for entry in model.files]
        for position, model in enumerate(models)
    ]
    yield from split_large(LayerKind.MODEL, placed, MAX_LARGE_MODEL_FILES)
    yield Layer(LayerKind.MODEL, tuple(_link(position, model) for position, model in enumerate(models)))


def model_path(model: ModelInput) -> str:
    """Return the folder in which a script finds the model."""
    return f"{MODELS_PATH}/{model.name}/{model.version}"


def _link(position: int, model: ModelInput) -> Link:
    path = model_path(model)
    return Link(path, "../" * path.count("/") + f"{MODEL_FILES_PATH}/{position}")
