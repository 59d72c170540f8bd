"""The command under assembly: packages add commands, and may add to one another's groups."""

from collections.abc import Callable
from importlib.metadata import entry_points
from typing import NamedTuple

import typer

ENTRY_POINTS = "slipway.commands"
PROCESSES = "Processes that `slipway up` starts"  # in the help, apart from what people type


class Noun(NamedTuple):
    """A group of commands. ``help_text`` ends with an example; ``verbs`` stand in the help in their order."""

    name: str
    help_text: str
    verbs: dict[str, Callable[..., None]]


class Commands:
    """What a contribution gets to add its commands to."""

    def __init__(self, app: typer.Typer) -> None:
        self.app = app
        self._groups: dict[str, typer.Typer] = {}

    def group(self, name: str, help_text: str = "") -> typer.Typer:
        """Return the group ``name``, made when first asked for, with the help of who asks first."""
        if name not in self._groups:
            group = typer.Typer(name=name, help=help_text, no_args_is_help=True)
            self.app.add_typer(group)
            self._groups[name] = group
        return self._groups[name]

    def add(self, noun: Noun) -> None:
        """Add a noun's verbs to its group."""
        group = self.group(noun.name, noun.help_text)
        for verb, function in noun.verbs.items():
            group.command(verb)(function)

    def process(self, name: str, run: Callable[..., None], panel: str) -> typer.Typer:
        """Return a group that runs a process when it is given no command."""
        group = typer.Typer(name=name, invoke_without_command=True)
        group.callback()(run)
        self.app.add_typer(group, rich_help_panel=panel)
        self._groups[name] = group
        return group


def assemble(app: typer.Typer) -> typer.Typer:
    """Let every installed package contribute, in the order of their names."""
    commands = Commands(app)
    for entry in sorted(entry_points(group=ENTRY_POINTS), key=lambda entry: entry.name):
        contribute: Callable[[Commands], None] = entry.load()
        contribute(commands)
    return app
