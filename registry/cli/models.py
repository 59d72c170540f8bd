"""``slipway model``."""

import typer

from registry.cli.context import URL_OPTION, connect
from registry.cli.names import MODEL_ARGUMENT
from registry.cli.output import OUTPUT_OPTION, OutputFormat, console, print_json, print_record, print_rows, when
from registry.core.models import Model


def register(
    name: str = MODEL_ARGUMENT,
    run: str = typer.Option(..., help="The run whose artifacts become the version."),
    path: str = typer.Option("model", help="Where the model lies among the run's artifacts."),
    description: str = typer.Option("", help="What is new in this version."),
    output: OutputFormat = OUTPUT_OPTION,
    url: str | None = URL_OPTION,
) -> None:
    """Freeze a run's artifacts as the next version of a model, which is made when it is new.

    Example: slipway model register cancer --run 3f2a… --path model
    """
    version = connect(url).models.register(name, run_id=run, path=path, description=description)
    if output is OutputFormat.JSON:
        print_json(version)
    else:
        size = sum(file.size for file in version.files)
        console.print(f"{name}:{version.version}, {len(version.files)} files, {size:,} bytes", highlight=False)


def list_models(output: OutputFormat = OUTPUT_OPTION, url: str | None = URL_OPTION) -> None:
    """List the models.

    Example: slipway model list
    """
    columns = {
        "model": lambda model: model.name,
        "latest": _latest,
        "versions": lambda model: len(model.versions),
        "updated": lambda model: when(model.versions[-1].created_ms) if model.versions else "-",
    }
    print_rows(connect(url).models.list(), columns, output, empty="no models yet: slipway model register")


def show(
    name: str = MODEL_ARGUMENT,
    output: OutputFormat = OUTPUT_OPTION,
    url: str | None = URL_OPTION,
) -> None:
    """Show a model's versions: the run each came from, and its files.

    Example: slipway model show cancer
    """
    model = connect(url).models.get(name)
    fields = {"model": model.name, "latest": _latest(model)}
    for version in model.versions:
        files = ", ".join(file.path for file in version.files)
        fields[f"version {version.version}"] = f"{when(version.created_ms)}  run {version.run_id}  {files}"
    print_record(model, fields, output)


def _latest(model: Model) -> str:
    return str(model.versions[-1].version) if model.versions else "-"
