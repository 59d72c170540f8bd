"""The data plane's contribution, all on one screen."""

from registry.cli.assembly import PROCESSES, Commands
from serving.cli import mirror, node, observe, processes, why, workspace


def contribute(commands: Commands) -> None:
    """Add the commands that start, show and stop processes."""
    commands.app.command()(workspace.up)
    commands.app.command()(workspace.down)
    commands.app.command()(workspace.status)
    commands.app.command()(observe.logs)
    commands.app.command()(observe.requests)
    request = commands.group("request", "One request that was answered.\n\nExample: slipway request why 4bf92f35")
    request.command("why")(why.why)
    group = commands.group("mirror", "What copies of requests showed.\n\nExample: slipway mirror report cancer")
    group.command("report")(mirror.report)
    commands.app.command(rich_help_panel=PROCESSES)(processes.controller)
    commands.app.command(rich_help_panel=PROCESSES)(processes.edge)
    commands.app.command(rich_help_panel=PROCESSES)(processes.telemetry)
    group = commands.group("node", "What this machine keeps to run images.\n\nExample: slipway node cache")
    group.command("cache")(node.cache)
    group.command("prune")(node.prune)
    commands.group("image").command("serve")(processes.serve_image)
