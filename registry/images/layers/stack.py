"""All layers of an image, from the lowest to the highest."""

from registry.core.imaging.images import CODE_PATH, LOCK_PATH, SCORING_PATH, WHEELS_PATH, LayerKind
from registry.images.inputs import BuildInputs
from registry.images.layers.base import MAX_LARGE_WHEELS, Layer, split_large
from registry.images.layers.models import model_layers
from registry.images.pack import Entry, entry_of_bytes


def stack(inputs: BuildInputs) -> list[Layer]:
    """Return the layers in the order of ``LayerKind``; none is empty."""
    layers = [
        _below(LayerKind.SCORING, f"{SCORING_PATH}/slipway_scoring", inputs.scoring),
        Layer(LayerKind.ENVIRONMENT, (entry_of_bytes(LOCK_PATH, inputs.lock),)),
        *split_large(LayerKind.WHEELS, [[entry.below(WHEELS_PATH) for entry in inputs.wheels]], MAX_LARGE_WHEELS),
        *model_layers(inputs.models),
        _below(LayerKind.CODE, CODE_PATH, inputs.code),
        Layer(LayerKind.SAMPLES, tuple(entry_of_bytes(one.sample.path, one.body) for one in inputs.samples)),
    ]
    return [layer for layer in layers if layer.entries]


def _below(kind: LayerKind, folder: str, entries: tuple[Entry, ...]) -> Layer:
    return Layer(kind, tuple(entry.below(folder) for entry in entries))
