"""``slipway registry verify``: is everything there, and what it was?"""

from collections.abc import Callable
from pathlib import Path

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

from registry.cli.context import workspace_folder
from registry.cli.output import OUTPUT_OPTION, OutputFormat, console, print_json, print_rows, short
from registry.core.counts import count
from registry.core.errors import InvalidInput
from registry.core.integrity import Fault, VerifyReport

FAULTS_FOUND = 1


def verify(
    database: str = typer.Option(None, help="SQLAlchemy URL of the metadata; default: the workspace's."),
    artifacts: str = typer.Option(None, help="URL of the blobs; default: the workspace's."),
    data_dir: Path = typer.Option(None, help="The registry's own files, with the images; default: the workspace's."),
    output: OutputFormat = OUTPUT_OPTION,
) -> None:
    """Read everything the registry keeps again, and report what is missing, damaged or left over. Exit code 1 if any.

    It only reads, and may run beside the registry. The workspace is that of SLIPWAY_DIR, or .slipway in this folder.

    Example: slipway registry verify
    """
    from registry.images.keeping.layout import ImageLayout
    from registry.operations.upkeep.integrity import verify as walk
    from registry.operations.workspace import open_workspace

    home = workspace_folder()
    if database is None and not (home / "registry.db").exists():
        raise InvalidInput(f"there is no workspace in {home}: name the stores with --database and --artifacts")
    url = database or f"sqlite:///{home / 'registry.db'}"
    workspace = open_workspace(url, artifacts or (home / "artifacts").as_uri())
    layout = ImageLayout((data_dir or home / "registry") / "images")
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TimeElapsedColumn())
    try:
        with Progress(*columns, console=console, transient=True, disable=output is OutputFormat.JSON) as bar:
            task = bar.add_task("reading", total=None)
            report = walk(workspace, layout, lambda done, total, _: bar.update(task, completed=done, total=total))
    finally:
        workspace.close()
    _print(report, output)
    if report.faults:
        raise typer.Exit(FAULTS_FOUND)


def _print(report: VerifyReport, output: OutputFormat) -> None:
    if output is OutputFormat.JSON:
        print_json(report)
        return
    if report.faults:
        columns: dict[str, Callable[[Fault], str]] = {
            "fault": lambda fault: fault.kind,
            "blob": lambda fault: short(fault.blob),
            "bytes": lambda fault: f"{fault.size:,}",
            "files": lambda fault: ", ".join(fault.where),
        }
        print_rows(report.faults, columns, output, "")
    verdict = f"{count(len(report.faults), 'fault')}" if report.faults else "everything is there and whole"
    console.print(
        f"{count(report.blobs, 'blob')} of {report.bytes:,} bytes and {count(report.images, 'image')}: {verdict}"
    )
