"""``slipway environment``."""

import typer

from registry.cli.context import URL_OPTION, connect
from registry.cli.output import OUTPUT_OPTION, OutputFormat, print_record, print_rows


def list_environments(output: OutputFormat = OUTPUT_OPTION, url: str | None = URL_OPTION) -> None:
    """List the curated environments, which image.yaml takes by name.

    Example: slipway environment list
    """
    columns = {
        "environment": lambda one: one.reference,
        "packages": lambda one: ", ".join(pin for pin in one.pins if pin.partition("==")[0] in one.packages),
        "python": lambda one: ", ".join(one.python),
        "description": lambda one: one.description,
    }
    print_rows(connect(url).environments.list(), columns, output, empty="none", whole=("environment",))


def show(
    reference: str = typer.Argument(help="NAME:VERSION or NAME"),
    output: OutputFormat = OUTPUT_OPTION,
    url: str | None = URL_OPTION,
) -> None:
    """Show a curated environment with every version it pins.

    Example: slipway environment show sklearn:1
    """
    found = connect(url).environments.get(reference)
    fields = {
        "environment": found.reference,
        "description": found.description,
        "packages": ", ".join(found.packages),
        "python": ", ".join(found.python),
        "pins": "\n".join(found.pins),
    }
    print_record(found, {**fields, **({"needs": found.remedy} if found.remedy else {})}, output)
