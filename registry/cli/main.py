"""Entry point of ``slipway``. Exit codes: 0 done, 1 it failed, 2 it was asked wrongly, 3 a plan has changes."""

import sys
from collections.abc import Sequence
from importlib.metadata import version

import typer
from rich.console import Console
from rich.markup import escape

from registry.cli.assembly import assemble
from registry.client.token import TOKEN_VARIABLE
from registry.core.errors import Forbidden, InvalidInput, SlipwayError, Unauthenticated, Unavailable


def build() -> typer.Typer:
    """Return the assembled command."""
    app = typer.Typer(
        name="slipway",
        help="Model registry and serving gateway for a team on its own machines. Start with: slipway up",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback(invoke_without_command=True)
    def slipway(
        show_version: bool = typer.Option(False, "--version", help="Print the version and exit.", is_eager=True),
    ) -> None:
        if show_version:
            typer.echo(version("slipway"))
            raise typer.Exit

    return assemble(app)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line, or the one given, and exit."""
    try:
        build()(arguments)
    except SlipwayError as error:
        err = Console(stderr=True, soft_wrap=True, emoji=False)
        err.print(f"[bold red]error:[/] {escape(error.message)}{_remedy(error)}", highlight=False)
        sys.exit(2 if isinstance(error, InvalidInput) else 1)
    except KeyboardInterrupt:
        sys.exit(130)


def _remedy(error: SlipwayError) -> str:
    if isinstance(error, Unauthenticated) and TOKEN_VARIABLE not in error.message:
        return f" Set {TOKEN_VARIABLE} to a token of this registry"
    if isinstance(error, Forbidden):
        return f" ({TOKEN_VARIABLE} says who asks)"
    away = isinstance(error, Unavailable) and "url" in error.details  # the registry, as the SDK tells it
    return " Start a workspace with `slipway up`, or name another with --url" if away else ""


if __name__ == "__main__":
    main()
