"""What differs between two images: settings, packages, layers and their files."""

from registry.core.imaging.image_views import ImageDiff, differing
from registry.core.imaging.images import Image
from registry.images.keeping.compare import layer_differences, packages_of, shared
from registry.images.keeping.layout import ImageLayout
from registry.operations.imaging.catalog import resolve_image
from registry.operations.workspace import Workspace


def compare(workspace: Workspace, layout: ImageLayout, a: str, b: str) -> ImageDiff:
    """Return what differs between the images that two references mean now.

    Raises:
        InvalidInput: a reference is none of the accepted forms, or an image's lock cannot be read.
        NotFound: it names nothing, or a layer is missing.
    """
    left, right = resolve_image(workspace, a), resolve_image(workspace, b)
    both = shared(left.layers, right.layers)
    return ImageDiff(
        a=left.digest,
        b=right.digest,
        settings=differing(_settings(left), _settings(right)),
        packages=differing(packages_of(layout, left.layers), packages_of(layout, right.layers)),
        layers=layer_differences(layout, left.layers, right.layers),
        shared_layers=len(both),
        shared_bytes=sum(layer.size for layer in both),
    )


def _settings(image: Image) -> dict[str, str]:
    """Return what the image says of itself besides its layers, as text by name."""
    config = image.config
    settings = {"kind": config.kind.value, "runtime": config.runtime.value, "python": config.python}
    settings |= {f"model {model.name}": str(model.version) for model in config.models}
    settings |= {f"label {key}": value for key, value in image.labels.items()}
    if config.scoring_script:
        settings["scoring script"] = config.scoring_script
    return settings
