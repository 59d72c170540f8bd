"""``slipway purge``."""

from collections.abc import Callable

import typer

from registry.cli.context import URL_OPTION, connect
from registry.cli.output import OUTPUT_OPTION, OutputFormat, console, print_json, print_rows, when
from registry.core.purge import PurgeItem, PurgePlan


def purge(
    older_than: float = typer.Option(0.0, min=0.0, help="Only what was deleted at least so many days ago."),
    yes: bool = typer.Option(False, "--yes", help="Do it; without this it is only shown."),
    output: OutputFormat = OUTPUT_OPTION,
    url: str | None = URL_OPTION,
) -> None:
    """Delete for good what was deleted before: runs, experiments, models, versions, and their files.

    A run goes with the logged models that it made. Without --yes it shows what would go and what refuses to, and
    changes nothing.

    Example: slipway purge --older-than 30
    """
    client = connect(url)
    plan = client.purge(older_than) if yes else client.preview_purge(older_than)
    if output is OutputFormat.JSON:
        print_json(plan)
        return
    columns: dict[str, Callable[[PurgeItem], str]] = {
        "": lambda item: "stays" if item.refused else "gone" if plan.done else "would go",
        "what": lambda item: f"{item.kind} {item.name}",
        "deleted": lambda item: when(item.deleted_ms),
        "files": lambda item: str(item.files),
        "bytes": lambda item: f"{item.bytes:,}",
        "because": lambda item: item.refused,
    }
    print_rows(plan.items, columns, output, empty="nothing was deleted that could go")
    console.print(_last_line(plan), highlight=False)


def _last_line(plan: PurgePlan) -> str:
    if plan.done:
        freed = f"{plan.freed_bytes:,} bytes in {plan.freed_blobs:,} blobs given back"
        return f"{freed}; blobs written within a day go with a later purge"
    return "nothing was changed: slipway purge --yes does it" if plan.items else ""
