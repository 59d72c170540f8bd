"""Who uses a model's versions: the images that hold them, and the deployments that run such an image."""

from registry.core.endpoints import Revision
from registry.core.errors import WrongState
from registry.core.rest import DeploymentUse
from registry.operations.catalog import numbered_reference
from registry.operations.desired import WANTED
from registry.store import deployments, images
from registry.store.metadata import Connection


def deployments_of(tx: Connection, name: str) -> dict[int, list[DeploymentUse]]:
    """Return version → the revisions that hold it and are live or starting."""
    uses: dict[int, list[DeploymentUse]] = {}
    for deployment in deployments.all_deployments(tx):
        for revision in deployment.revisions:
            if name in revision.models and revision.state in WANTED:
                use = _use(deployment.endpoint, deployment.name, revision)
                uses.setdefault(revision.models[name], []).append(use)
    return uses


def images_of(tx: Connection, name: str) -> dict[int, list[str]]:
    """Return version → the images that hold it, as people write them."""
    uses: dict[int, list[str]] = {}
    for image in images.all_images(tx):
        for model in image.config.models:
            if model.name == name:
                uses.setdefault(model.version, []).append(numbered_reference(image))
    return uses


def check_unused(tx: Connection, name: str, version: int | None = None) -> None:
    """Raise WrongState, with the endpoints and deployments, if one uses the version, or any version of the model."""
    uses = deployments_of(tx, name)
    for number in sorted(uses) if version is None else [version]:
        if uses.get(number):
            users = [f"{use.endpoint}/{use.deployment}" for use in uses[number]]
            raise WrongState(
                f"model {name!r} version {number} is used by {', '.join(users)}: delete or change the deployment first",
                model=name,
                version=number,
                deployments=users,
            )


def _use(endpoint: str, deployment: str, revision: Revision) -> DeploymentUse:
    return DeploymentUse(
        endpoint=endpoint,
        deployment=deployment,
        revision=revision.number,
        state=revision.state,
        image=revision.image,
    )
