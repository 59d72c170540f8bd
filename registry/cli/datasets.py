"""``slipway dataset``."""

from pathlib import Path

import typer

from registry.cli.context import URL_OPTION, connect
from registry.cli.names import DATASET_ARGUMENT
from registry.cli.output import OUTPUT_OPTION, OutputFormat, print_done, print_record, print_rows, transfer, when
from registry.client.files import files_to_import
from registry.core.counts import count
from registry.core.errors import InvalidInput
from registry.core.modelling.dataset_versions import DatasetVersion

NEWEST_ARGUMENT = typer.Argument(None, help="One version, by its number; default: the newest.", min=1)
NUMBER_ARGUMENT = typer.Argument(help="The version's number.", min=1)


def create(
    name: str = DATASET_ARGUMENT,
    path: Path = typer.Argument(help="A file or folder."),
    description: str = typer.Option("", help="What is in this version."),
    tag: list[str] = typer.Option([], help="KEY=VALUE; may be repeated."),
    output: OutputFormat = OUTPUT_OPTION,
    url: str | None = URL_OPTION,
) -> None:
    """Make a file or folder the next version of a dataset, which is made when it is new. Versions never change.

    Example: slipway dataset create cancer-rows ./rows.npy
    """
    tags = dict(_tag(text) for text in tag)
    total = sum(file.stat().st_size for _, file in files_to_import(path))
    with transfer(f"storing {path.name}", total, output) as report:
        version = connect(url).datasets.create(name, path, description, tags, report)
    _print_made(version, output)


def list_datasets(output: OutputFormat = OUTPUT_OPTION, url: str | None = URL_OPTION) -> None:
    """List the datasets' versions.

    Example: slipway dataset list
    """
    columns = {
        "dataset": lambda version: version.name,
        "version": lambda version: version.version,
        "files": lambda version: len(version.files),
        "bytes": lambda version: f"{version.size_bytes:,}",
        "created": lambda version: when(version.created_ms),
        "description": lambda version: version.description,
    }
    print_rows(connect(url).datasets.list(), columns, output, empty="no datasets yet: slipway dataset create")


def show(
    name: str = DATASET_ARGUMENT,
    version: int | None = NEWEST_ARGUMENT,
    output: OutputFormat = OUTPUT_OPTION,
    url: str | None = URL_OPTION,
) -> None:
    """Show a version: who made it, and its files.

    Example: slipway dataset show cancer-rows 1
    """
    found = connect(url).datasets.get(name, version)
    fields = {
        "dataset": f"{found.name}:{found.version}",
        "description": found.description or "-",
        "tags": ", ".join(f"{key}={value}" for key, value in sorted(found.tags.items())) or "none",
        "created": f"{when(found.created_ms)} by {found.created_by or '-'}",
        **{f"file {file.path}": f"{file.size:,} bytes, {file.sha256[:12]}" for file in found.files},
    }
    print_record(found, fields, output)


def download(
    name: str = DATASET_ARGUMENT,
    version: int | None = NEWEST_ARGUMENT,
    to: Path = typer.Option(Path(), help="The folder to write to; default: this one."),
    output: OutputFormat = OUTPUT_OPTION,
    url: str | None = URL_OPTION,
) -> None:
    """Write a version's files to a folder, where none of them may be yet.

    Example: slipway dataset download cancer-rows --to ./data
    """
    datasets = connect(url).datasets
    found = datasets.get(name, version)
    with transfer(f"fetching {found.name}:{found.version}", found.size_bytes, output) as report:
        datasets.download(found, to, report)
    _print_made(found, output)


def delete(
    name: str = DATASET_ARGUMENT,
    version: int = NUMBER_ARGUMENT,
    output: OutputFormat = OUTPUT_OPTION,
    url: str | None = URL_OPTION,
) -> None:
    """Hide a version. Its number is not given again; restore brings it back until it is purged.

    Example: slipway dataset delete cancer-rows 1
    """
    connect(url).datasets.delete(name, version)
    print_done(f"dataset {name}:{version} deleted", {"deleted": f"{name}:{version}"}, output)


def restore(
    name: str = DATASET_ARGUMENT,
    version: int = NUMBER_ARGUMENT,
    output: OutputFormat = OUTPUT_OPTION,
    url: str | None = URL_OPTION,
) -> None:
    """Bring a deleted version back.

    Example: slipway dataset restore cancer-rows 1
    """
    restored = connect(url).datasets.restore(name, version)
    print_done(f"dataset {name}:{version} restored", restored, output)


def _print_made(version: DatasetVersion, output: OutputFormat) -> None:
    made = f"{version.name}:{version.version}, {count(len(version.files), 'file')}, {version.size_bytes:,} bytes"
    print_done(made, version, output)


def _tag(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise InvalidInput(f"--tag {text!r}: write KEY=VALUE")
    return key, value
