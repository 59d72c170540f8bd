"""Names given as arguments, checked before they become parts of a URL."""

import typer

from registry.core.deploying.documents import DeploymentDocument, EndpointDocument
from registry.core.errors import InvalidInput
from registry.core.names import check_name

ENDPOINT_ARGUMENT = typer.Argument(help="The endpoint's name.", callback=lambda name: check_name("endpoint", name))
MODEL_ARGUMENT = typer.Argument(help="The model's name.", callback=lambda name: check_name("model", name))
DATASET_ARGUMENT = typer.Argument(help="The dataset's name.", callback=lambda name: check_name("dataset", name))
VERSION_ARGUMENT = typer.Argument(None, help="One version, by its number; without it, the whole model.", min=1)
RUN_ARGUMENT = typer.Argument(..., metavar="RUN", help="The run's id, or at least four characters of its beginning.")
DEPLOYMENT_ARGUMENT = typer.Argument(help="ENDPOINT/DEPLOYMENT")


def split_deployment(text: str) -> tuple[str, str]:
    """Return the endpoint's and the deployment's name.

    Raises:
        InvalidInput: the text is not ENDPOINT/DEPLOYMENT.
    """
    endpoint, slash, deployment = text.partition("/")
    if not slash:
        raise InvalidInput(f"{text!r}: write ENDPOINT/DEPLOYMENT, for example cancer/blue")
    return check_name("endpoint", endpoint), check_name("deployment", deployment)


def named_endpoint(document: EndpointDocument) -> str:
    """Return the name in an endpoint's file. Raises InvalidInput if there is none."""
    if document.name is None:
        raise InvalidInput("$.name: an endpoint needs a name", path="$.name")
    return document.name


def named_deployment(document: DeploymentDocument) -> tuple[str, str]:
    """Return the endpoint's and the deployment's name in a deployment's file. Raises InvalidInput if one is missing."""
    if document.endpoint_name is None or document.name is None:
        raise InvalidInput("$: a deployment's file needs name and endpoint_name", path="$.name")
    return document.endpoint_name, document.name
