"""A deployment's file, and the image that it may hold instead of naming one."""

from pathlib import Path
from typing import Any, NamedTuple

from msgspec.structs import replace

from registry.cli.activity import follow
from registry.cli.documents import loaded, of_file, read_document
from registry.cli.names import named_deployment
from registry.cli.output import OutputFormat, note, transfer, warn
from registry.client import Client
from registry.client.files import files_to_import
from registry.core.deploying.documents import DeploymentDocument, load_deployment
from registry.core.deploying.inline_images import InlineImage, InlineModel, take_apart
from registry.core.errors import InvalidInput
from registry.core.imaging.image_documents import load_image


class DeploymentFile(NamedTuple):
    """``values`` and ``document`` say the same. With ``inline``, their image is that image's newest build."""

    endpoint: str
    name: str
    values: dict[str, Any]
    document: DeploymentDocument
    inline: InlineImage | None


def read_deployment(path: Path, overrides: list[str] | None) -> DeploymentFile:
    """Return what a deployment's file says, checked. Raises InvalidInput, naming the file."""
    values = read_document(path, overrides)
    with of_file(path):
        inline = take_apart(values)
    values = inline.deployment if inline else values
    document = loaded(path, values, load_deployment)
    with of_file(path):
        endpoint, name = named_deployment(document)
    if inline is not None:
        loaded(path, {"model": "inline:1", **inline.image}, load_image)
        _warn_of_base(inline)
    return DeploymentFile(endpoint, name, values, document, inline)


def build_inline(client: Client, file: DeploymentFile, path: Path, output: OutputFormat) -> DeploymentDocument:
    """Build the image that the file at ``path`` holds, if it does; return the document with its digest."""
    inline = file.inline
    if inline is None:
        return file.document
    client.endpoints.get(file.endpoint)  # before a build for nothing
    values, folder = dict(inline.image), path.resolve().parent
    if inline.model is not None:
        values["model"] = _import(client, inline.model, folder, output)
    with of_file(path):
        activity = client.images.build(load_image(values), folder=folder, report=warn)
    ended = follow(client, activity, quiet=output is OutputFormat.JSON)
    image = client.images.get(ended.result["reference"])
    if output is OutputFormat.TABLE:
        note(f"built {ended.result['reference']}")
    environment = replace(file.document.environment, image=f"{image.name}@{image.digest}")
    return replace(file.document, environment=environment)


def _import(client: Client, model: InlineModel, folder: Path, output: OutputFormat) -> str:
    source = folder / model.path
    if model.is_mlflow and not (source / "MLmodel").is_file():
        raise InvalidInput(f"{source}: there is no MLmodel in it, as in a model of MLflow's", path="$.model.path")
    total = sum(file.stat().st_size for _, file in files_to_import(source))
    with transfer(f"importing {source.name}", total, output) as report:
        version = client.models.import_once(model.name, source, model.description, report)
    return f"{model.name}:{version.version}"


def _warn_of_base(inline: InlineImage) -> None:
    if inline.base is not None:
        warn(
            f"{inline.base} is kept as the image's label base_image: processes run on the nodes' own system, with the "
            "Python and the packages of conda_file"
        )
