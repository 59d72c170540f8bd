"""``slipway image export``: an image as a container image, made where the command runs."""

import os

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from registry.cli.context import URL_OPTION, connect
from registry.cli.output import OUTPUT_OPTION, OutputFormat, console, print_json
from registry.core.errors import InvalidInput
from registry.core.imaging.containers import ContainerSettings
from registry.core.imaging.image_views import ExportedImage


def export(
    reference: str = typer.Argument(help="NAME:TAG or NAME@DIGEST"),
    to: str = typer.Option(
        ..., "--to", help="docker-archive:FILE, oci-archive:FILE, oci:FOLDER[:TAG] or registry:HOST/NAME:TAG."
    ),
    base: str | None = typer.Option(
        None, "--base", help="The image to stack it on, named in the same way; by default what image.yaml says."
    ),
    output: OutputFormat = OUTPUT_OPTION,
    url: str | None = URL_OPTION,
) -> None:
    """Export an image as a container image that docker and podman run: on a base image, with all it needs.

    Example: slipway image export cancer-onnx:1 --base registry:docker.io/library/python:3.11-slim
    --to docker-archive:cancer.tar
    """
    from registry.containers.export import Order, export_image
    from registry.core.imaging.container_locations import parse_location

    client = connect(url)
    target = parse_location(to)
    image = client.images.get(reference)
    settings = image.config.docker or ContainerSettings()
    place = base or settings.base
    if place is None:
        raise InvalidInput(
            f"{reference} says nothing of a base image: give one that has Python {image.config.python} with --base, "
            "for example oci:FOLDER or registry:HOST/NAME:TAG"
        )
    order = Order(client.url, image, parse_location(place), target, settings, dict(os.environ))
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    terminal = Console(stderr=True, emoji=False)
    quiet = output is OutputFormat.JSON or not terminal.is_terminal
    with Progress(*columns, console=terminal, transient=True, disable=quiet) as progress:
        task = progress.add_task(f"exporting {reference}", total=1.0)
        digest = export_image(order, lambda part, line: progress.update(task, completed=part, description=line))
    exported = ExportedImage(source=f"{image.name}@{image.digest}", digest=digest, to=to)
    if output is OutputFormat.JSON:
        print_json(exported)
    else:
        console.print(f"{to}  {digest}", highlight=False, soft_wrap=True)
