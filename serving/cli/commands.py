"""The data plane's contribution, all on one screen."""

from registry.cli.assembly import PROCESSES, Commands
from serving.cli import observe, processes, workspace


def contribute(commands: Commands) -> None:
    """Add the commands that start, show and stop processes."""
    commands.app.command()(workspace.up)
    commands.app.command()(workspace.down)
    commands.app.command()(workspace.status)
    commands.app.command()(observe.logs)
    commands.app.command()(observe.requests)
    commands.app.command(rich_help_panel=PROCESSES)(processes.controller)
    commands.app.command(rich_help_panel=PROCESSES)(processes.edge)
    commands.app.command(rich_help_panel=PROCESSES)(processes.telemetry)
    commands.group("image").command("serve")(processes.serve_image)
