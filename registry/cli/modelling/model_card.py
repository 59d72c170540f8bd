"""A model for people: its card, and each version with its origin and its users."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer

from registry.cli.context import URL_OPTION, connect
from registry.cli.modelling.lineage import deployments_line
from registry.cli.names import MODEL_ARGUMENT, VERSION_ARGUMENT
from registry.cli.output import OUTPUT_OPTION, OutputFormat, console, pairs, print_json, print_record, when
from registry.cli.tracking.run_code import code_fields, dataset_line
from registry.client.requests import RequestCount
from registry.core.errors import InvalidInput
from registry.core.modelling.lineage import ModelLineage, VersionLineage
from registry.core.modelling.models import Model, ModelVersion, Stage
from registry.core.tracking.artifacts import version_uri

SHOWN = 5


def card(
    name: str = MODEL_ARGUMENT,
    version: int | None = VERSION_ARGUMENT,
    file: Path | None = typer.Option(None, "--file", "-f", help="The new card, in Markdown; - reads what is piped in."),
    output: OutputFormat = OUTPUT_OPTION,
    url: str | None = URL_OPTION,
) -> None:
    """Show the card of a model or a version as it was written, or replace it. MLflow calls it the description.

    Example: slipway model card cancer --file card.md
    """
    models, text = connect(url).models, None if file is None else read_card(file)
    if version is None:
        written = (models.get(name) if text is None else models.set_card(name, text)).description
    else:
        kept = models.version(name, version) if text is None else models.set_version_card(name, version, text)
        written = kept.description
    if output is OutputFormat.JSON:
        print_json({"name": name, "version": version, "card": written})
    elif text is None:
        typer.echo(written)
    else:
        of = name if version is None else f"{name}:{version}"
        console.print(f"the card of {of} has {len(written):,} characters", highlight=False, markup=False)


def read_card(file: Path) -> str:
    """Return a file's text; of ``-``, what is piped in. Raises InvalidInput."""
    try:
        return (sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()).decode()
    except OSError as error:
        raise InvalidInput(f"cannot read {file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{file} is not text in UTF-8") from error


def latest(model: Model) -> str:
    """Return the newest version's number."""
    return str(model.versions[-1].version) if model.versions else "-"


def print_card(model: Model, lineage: ModelLineage, counts: Mapping[str, RequestCount]) -> None:
    """Print a model as a table, and its description as Markdown below. ``counts`` are of revisions."""
    fields: dict[str, Any] = {"model": model.name, "latest": latest(model)}
    if model.tags:
        fields["tags"] = pairs(model.tags)
    if model.aliases:
        fields["aliases"] = pairs(model.aliases)
    origins = {one.version: one for one in lineage.versions}
    for version in model.versions:
        fields[f"version {version.version}"] = "\n".join(_lines(version, origins[version.version], counts))
    print_record(model, fields, OutputFormat.TABLE)
    if model.description:
        from rich.markdown import Markdown

        console.print()
        console.print(Markdown(model.description, hyperlinks=False))


def _lines(version: ModelVersion, lineage: VersionLineage, counts: Mapping[str, RequestCount]) -> list[str]:
    details = {
        "description": version.description,
        "stage": "" if version.stage is Stage.NONE else version.stage,
        "aliases": ", ".join(version.aliases),
        "tags": pairs(version.tags),
        "trained in": f"{lineage.experiment}, run {lineage.run_name}" if lineage.run_name else "",
        **(code_fields(lineage.code) if lineage.code else {}),
        "datasets": "; ".join(f"{one.name} {dataset_line(one)}" for one in lineage.datasets),
        "logged model": version.logged_model_id or "",
        "inputs": _columns(lineage.signature.inputs) if lineage.signature else "",
        "outputs": _columns(lineage.signature.outputs) if lineage.signature else "",
        "images": ", ".join(lineage.images),
        "used by": deployments_line(lineage.deployments),
        "requests": _requests([counts[use.backend] for use in lineage.deployments if use.backend in counts]),
    }
    first = f"{when(version.created_ms)}  {_origin(version, lineage)}  {_files(version)}"
    return [first, *(f"{name}: {value}" for name, value in details.items() if value)]


def _requests(counts: list[RequestCount]) -> str:
    if not counts:
        return ""
    failed = sum(one.failures for one in counts)
    failures = f", {failed:,} failed" if failed else ""
    return f"{sum(one.requests for one in counts):,}{failures}, the last {when(max(one.last_ms for one in counts))}"


def _origin(version: ModelVersion, lineage: VersionLineage) -> str:
    if version.run_id:
        return f"run {version.run_id}"
    return "imported" if lineage.source == version_uri(version.name, version.version) else lineage.source


def _files(version: ModelVersion) -> str:
    names = [file.path for file in version.files]
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more if names else "no files here"


def _columns(schema: Any) -> str:
    """Write a signature's columns as ``name type``; what is not a list of columns is written as it is."""
    if not isinstance(schema, list):
        return "" if schema is None else str(schema)
    return ", ".join(
        f"{one.get('name', '')} {one.get('type', '')}".strip() if isinstance(one, dict) else str(one) for one in schema
    )
