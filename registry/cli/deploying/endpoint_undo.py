"""``slipway endpoint undo``."""

import typer

from registry.cli.activity import follow
from registry.cli.context import URL_OPTION, connect
from registry.cli.deploying.settling import await_edges
from registry.cli.names import ENDPOINT_ARGUMENT
from registry.cli.output import OUTPUT_OPTION, OutputFormat, console, note, print_json, table
from registry.core.deploying.undo import UndoPlan


def undo(
    name: str = ENDPOINT_ARGUMENT,
    to: int | None = typer.Option(None, min=1, help="The release to go back to; by default the one before."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Only say what it would do."),
    output: OutputFormat = OUTPUT_OPTION,
    url: str | None = URL_OPTION,
) -> None:
    """Go back to the release before: models, images, settings and traffic together. Says what it does, then does it.

    Each further undo goes back by one more; --to takes any release of `slipway endpoint history`, also one that was
    undone. Keys, tags and descriptions stay. What is warm answers at once, what is not has to start first.

    Example: slipway endpoint undo cancer --dry-run
    """
    client = connect(url)
    plan = client.endpoints.preview_undo(name, to)
    if output is not OutputFormat.JSON:
        _print(plan)
    if dry_run:
        if output is OutputFormat.JSON:
            print_json(plan)
        return
    accepted = client.endpoints.undo(name, plan.to, plan.current)
    activity = follow(client, accepted.activity, quiet=output is OutputFormat.JSON)
    await_edges(client)
    if output is OutputFormat.JSON:
        print_json({"plan": plan, "activity": activity})
        return
    console.print(f"{plan.endpoint} answers as in release {plan.to}", highlight=False)
    note(f"to take it back: slipway endpoint undo {plan.endpoint} --to {plan.current}")


def _print(plan: UndoPlan) -> None:
    console.print(f"{plan.endpoint}: from release {plan.current} back to release {plan.to}", highlight=False)
    rows = [[step.what, step.before, step.after, step.note] for step in plan.steps]
    console.print(table(["", "now", "then", ""], rows))
    if plan.cold:
        console.print(f"{', '.join(plan.cold)} no longer runs: nothing changes until it is ready", highlight=False)
