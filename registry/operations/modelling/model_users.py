"""Who uses a model's versions: the images that hold them, and the deployments that run or ran such an image."""

from collections import defaultdict
from collections.abc import Collection

from registry.core.errors import WrongState
from registry.operations.deploying.desired import WANTED
from registry.operations.imaging.catalog import numbered_reference
from registry.store.imaging import images
from registry.store.metadata import Connection
from registry.store.modelling import model_uses


def images_of(tx: Connection, names: Collection[str]) -> dict[tuple[str, int], list[str]]:
    """Return model and version → the images that hold it, as people write them."""
    uses: dict[tuple[str, int], list[str]] = defaultdict(list)
    for image in images.all_images(tx):
        for model in image.config.models:
            if model.name in names:
                uses[model.name, model.version].append(numbered_reference(image))
    return uses


def check_unused(tx: Connection, name: str, version: int | None = None) -> None:
    """Raise WrongState, with the endpoints and deployments, if one uses the version, or any version of the model."""
    for (_, number), uses in sorted(model_uses.of_models(tx, [name]).items()):
        users = [f"{use.endpoint}/{use.deployment}" for use in uses if use.state in WANTED]
        if users and version in (None, number):
            raise WrongState(
                f"model {name!r} version {number} is used by {', '.join(users)}: delete or change the deployment first",
                model=name,
                version=number,
                deployments=users,
            )
