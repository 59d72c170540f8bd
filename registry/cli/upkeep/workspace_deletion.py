"""``slipway workspace delete``."""

from collections.abc import Callable

import typer

from registry.cli.activity import follow
from registry.cli.context import URL_OPTION, connect
from registry.cli.output import OUTPUT_OPTION, OutputFormat, console, print_json, print_rows
from registry.core.counts import count
from registry.core.workspace_deletion import DeletionPlan, NounCount


def delete(
    confirm: str | None = typer.Option(None, metavar="NAME", help="The workspace's name: do it, without asking."),
    yes: bool = typer.Option(False, "--yes", help="Do it, after asking for the workspace's name."),
    output: OutputFormat = OUTPUT_OPTION,
    url: str | None = URL_OPTION,
) -> None:
    """Delete everything in the workspace for good: runs, models, datasets, images, endpoints, secrets, tokens, files.

    Without --yes or --confirm it shows what would go and what refuses to, and changes nothing. What stays is an empty
    workspace with its audit, which says who did it, and the token of who did; requests that telemetry recorded stay
    there. If it is interrupted, do it again.

    Example: slipway workspace delete --confirm trees
    """
    client = connect(url)
    if confirm is None:
        plan = client.preview_deletion()
        if output is OutputFormat.TABLE or yes:
            _show(plan)
        else:
            print_json(plan)
        if not yes or plan.refused:
            raise typer.Exit(1 if yes else 0)
        confirm = typer.prompt(f"To delete all of it, type the workspace's name ({plan.name})", err=True)
    activity = follow(client, client.delete_workspace(confirm), quiet=output is OutputFormat.JSON)
    if output is OutputFormat.JSON:
        print_json(activity)
    else:
        console.print(f"workspace {activity.subject} is empty: {activity.message}", highlight=False, markup=False)


def _show(plan: DeletionPlan) -> None:
    columns: dict[str, Callable[[NounCount], str]] = {
        "would go": lambda one: one.noun,
        "how many": lambda one: f"{one.count:,}",
        "bytes": lambda one: f"{one.bytes:,}" if one.bytes else "",
    }
    present = [one for one in plan.nouns if one.count]
    print_rows(present, columns, OutputFormat.TABLE, empty=f"workspace {plan.name} is empty")
    files = f"{count(plan.stored_files, 'file')} of {plan.stored_bytes:,} bytes in the stores"
    console.print(files, highlight=False, markup=False)
    for reason in plan.refused:
        console.print(f"refused: {reason}", style="red", highlight=False, markup=False)
    if not plan.refused:
        console.print(f"nothing was changed: slipway workspace delete --confirm {plan.name} does it", highlight=False)
