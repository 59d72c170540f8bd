"""What came of what, in words; and ``slipway model made-from``."""

from collections.abc import Callable, Iterable

import typer

from registry.cli.context import URL_OPTION, connect
from registry.cli.output import OUTPUT_OPTION, OutputFormat, console, print_json, print_rows
from registry.core.counts import count
from registry.core.modelling.lineage import DatasetReader, DeploymentUse, VersionUse


def made_from(
    digest: str = typer.Argument(
        help="The dataset's digest, as `slipway run show` tells it, or at least four characters of its beginning."
    ),
    output: OutputFormat = OUTPUT_OPTION,
    url: str | None = URL_OPTION,
) -> None:
    """Tell which versions came of runs that read a dataset, and which images and deployments came of those.

    Example: slipway model made-from 5f2b8c1e
    """
    found = connect(url).models.made_from(digest)
    if output is OutputFormat.JSON:
        print_json(found)
        return
    columns: dict[str, Callable[[tuple[DatasetReader, VersionUse]], str]] = {
        "version": lambda row: f"{row[1].name}:{row[1].version}",
        "dataset": lambda row: row[0].dataset.name,
        "for": lambda row: row[0].dataset.context or "-",
        "run": lambda row: row[0].run_id[:12],
        "experiment": lambda row: row[0].experiment,
        "images": lambda row: ", ".join(row[1].images) or "-",
        "used by": lambda row: deployments_line(row[1].deployments) or "-",
    }
    rows = [(reader, version) for reader in found.runs for version in reader.made]
    print_rows(rows, columns, output, empty="no version came of it")
    others = sum(not reader.made for reader in found.runs)
    if others:
        console.print(f"{count(others, 'run')} read it and made no version", style="dim", highlight=False)


def deployments_line(uses: Iterable[DeploymentUse]) -> str:
    """Write who serves or served a version."""
    return ", ".join(
        f"{use.endpoint}/{use.deployment} revision {use.revision} ({use.state or 'deleted'})" for use in uses
    )


def version_line(version: VersionUse) -> str:
    """Write what came of a version: its images, and who serves or served it."""
    images = f"in {', '.join(version.images)}" if version.images else ""
    users = f"used by {deployments_line(version.deployments)}" if version.deployments else ""
    return "; ".join(part for part in (images, users) if part) or "not used yet"
