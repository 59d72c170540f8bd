"""``slipway model``."""

from pathlib import Path

import msgspec
import typer

from registry.cli.context import URL_OPTION, connect
from registry.cli.modelling.model_card import latest, print_card
from registry.cli.moments import AT_OPTION, read_at
from registry.cli.names import MODEL_ARGUMENT, VERSION_ARGUMENT
from registry.cli.output import (
    OUTPUT_OPTION,
    OutputFormat,
    note,
    print_done,
    print_json,
    print_rows,
    transfer,
    warn,
    when,
)
from registry.client import Client
from registry.client.files import files_to_import
from registry.client.requests import RequestCount
from registry.core.counts import count
from registry.core.errors import InvalidInput, SlipwayError
from registry.core.modelling.lineage import ModelLineage
from registry.core.modelling.models import ModelVersion


def register(
    name: str = MODEL_ARGUMENT,
    run: str = typer.Option(
        ..., help="The run whose artifacts become the version: its id, or at least four characters of its beginning."
    ),
    path: str = typer.Option("model", help="Where the model lies among the run's artifacts."),
    description: str = typer.Option("", help="What is new in this version."),
    output: OutputFormat = OUTPUT_OPTION,
    url: str | None = URL_OPTION,
) -> None:
    """Freeze a run's artifacts as the next version of a model, which is made when it is new.

    Example: slipway model register cancer --run 3f2a --path model
    """
    version = connect(url).models.register(name, run_id=run, path=path, description=description)
    _print_made(version, output)


def import_files(
    name: str = MODEL_ARGUMENT,
    path: Path = typer.Argument(help="A file or folder, made by any framework."),
    description: str = typer.Option("", help="What is new in this version."),
    output: OutputFormat = OUTPUT_OPTION,
    url: str | None = URL_OPTION,
) -> None:
    """Make a file or folder from outside the next version of a model, which is made when it is new.

    Example: slipway model import cancer ./exported-model
    """
    total = sum(file.stat().st_size for _, file in files_to_import(path))
    with transfer(f"importing {path.name}", total, output) as report:
        version = connect(url).models.import_files(name, path, description, report)
    _print_made(version, output)


def list_models(output: OutputFormat = OUTPUT_OPTION, url: str | None = URL_OPTION) -> None:
    """List the models.

    Example: slipway model list
    """
    columns = {
        "model": lambda model: model.name,
        "latest": latest,
        "versions": lambda model: len(model.versions),
        "aliases": lambda model: ", ".join(f"{alias}={number}" for alias, number in model.aliases.items()) or "-",
        "updated": lambda model: when(model.updated_ms),
    }
    print_rows(connect(url).models.list(), columns, output, empty="no models yet: slipway model register")


def show(name: str = MODEL_ARGUMENT, output: OutputFormat = OUTPUT_OPTION, url: str | None = URL_OPTION) -> None:
    """Show a model: its card, tags and aliases, and for each version what it came from, who uses it, and how much.

    Example: slipway model show cancer
    """
    client = connect(url)
    model, lineage = client.models.get(name), client.models.lineage(name)
    counts = _count_requests(client, lineage)
    if output is OutputFormat.JSON:
        print_json(
            {**msgspec.to_builtins(model), "lineage": lineage.versions, "requests": counts and list(counts.values())}
        )
    else:
        print_card(model, lineage, counts or {})


def alias(
    name: str = MODEL_ARGUMENT,
    alias: str = typer.Argument(help="The alias, such as champion."),
    version: str | None = typer.Argument(None, help="What it is to mean: a number, latest, or another alias."),
    delete: bool = typer.Option(False, "--delete", help="Take the alias away."),
    output: OutputFormat = OUTPUT_OPTION,
    url: str | None = URL_OPTION,
) -> None:
    """Point an alias at a version, or take it away. The history remembers what it meant.

    Example: slipway model alias cancer champion 3
    """
    if delete == (version is not None):
        raise InvalidInput("write a VERSION for the alias, or --delete, and not both")
    if version is not None and alias.isdecimal():
        warn(f"{name}:{alias} is always version {alias}, not this alias, which only {name}@{alias} names")
    models = connect(url).models
    if version is None:
        models.delete_alias(name, alias)
        print_done(f"{name}@{alias} is taken away", {"deleted": f"{name}@{alias}"}, output)
    else:
        model = models.set_alias(name, alias, version)
        print_done(f"{name}@{alias} is version {model.aliases[alias]}", model, output)


def history(
    name: str = MODEL_ARGUMENT,
    at: str | None = AT_OPTION,
    output: OutputFormat = OUTPUT_OPTION,
    url: str | None = URL_OPTION,
) -> None:
    """Tell what each alias and stage meant, when, and who moved it; with --at, what held at that time.

    Example: slipway model history cancer --at 2026-03-01
    """
    found = connect(url).models.history(name, read_at(at))
    columns = {
        "at": lambda move: when(move.at_ms),
        "kind": lambda move: move.kind,
        "label": lambda move: move.label,
        "version": lambda move: move.version or "-",
        "before": lambda move: move.before or "-",
        "who": lambda move: move.who or "-",
    }
    nothing = f"no alias or stage of {name} has moved yet" if at is None else f"nothing pointed at {name} at that time"
    print_rows(found.moves, columns, output, empty=nothing)


def delete(
    name: str = MODEL_ARGUMENT,
    version: int | None = VERSION_ARGUMENT,
    output: OutputFormat = OUTPUT_OPTION,
    url: str | None = URL_OPTION,
) -> None:
    """Hide a model or a version that no deployment uses. Its number is not given again; restore brings it back.

    Example: slipway model delete cancer 3
    """
    connect(url).models.delete(name, version)
    print_done(f"model {_named(name, version)} deleted", {"deleted": _named(name, version)}, output)


def restore(
    name: str = MODEL_ARGUMENT,
    version: int | None = VERSION_ARGUMENT,
    output: OutputFormat = OUTPUT_OPTION,
    url: str | None = URL_OPTION,
) -> None:
    """Bring a deleted model or version back. Aliases that pointed at it stay away.

    Example: slipway model restore cancer 3
    """
    models = connect(url).models
    restored = models.restore(name) if version is None else models.restore_version(name, version)
    print_done(f"model {_named(name, version)} restored", restored, output)


def _count_requests(client: Client, lineage: ModelLineage) -> dict[str, RequestCount] | None:
    """Ask telemetry what the model's revisions were asked; None, and a word on stderr, if it cannot tell."""
    backends = {use.backend for version in lineage.versions for use in version.deployments}
    if not backends:
        return {}
    try:
        return client.requests.count(backends)
    except SlipwayError as error:
        note(f"requests are not counted: {error.message}")
        return None


def _print_made(version: ModelVersion, output: OutputFormat) -> None:
    size = sum(file.size for file in version.files)
    made = f"{version.name}:{version.version}, {count(len(version.files), 'file')}, {size:,} bytes"
    print_done(made, version, output)


def _named(name: str, version: int | None) -> str:
    return name if version is None else f"{name}:{version}"
