"""``slipway token`` and ``slipway audit``."""

import getpass
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import typer

from registry.cli.context import URL_OPTION, connect
from registry.cli.output import OUTPUT_OPTION, OutputFormat, print_done, print_json, print_rows, when
from registry.core.errors import InvalidInput
from registry.core.security.access import Role
from registry.core.security.tokens import MadeToken, Token, check_token_name

NAME_ARGUMENT = typer.Argument(help="Whose token it is: a person or a machine.", callback=check_token_name)
DATABASE_OPTION = typer.Option(
    None, help="Work on the registry's store itself, at its own machine; the first owner's token is made so."
)


class _Tokens(Protocol):
    def tokens(self) -> list[Token]: ...
    def create_token(self, name: str, role: Role, days: int | None) -> MadeToken: ...
    def revoke_token(self, name: str) -> None: ...


def create(
    name: str = NAME_ARGUMENT,
    role: Role = typer.Option(Role.CONTRIBUTOR, help="reader looks, contributor changes, owner gives access."),
    days: int | None = typer.Option(None, min=1, max=3650, help="How long it lives; default: until it is revoked."),
    database: str | None = DATABASE_OPTION,
    output: OutputFormat = OUTPUT_OPTION,
    url: str | None = URL_OPTION,
) -> None:
    """Make a token and print it: it is shown this once.

    Example: slipway token create ada --role contributor --days 90
    """
    with _tokens(database, url) as tokens:
        made = tokens.create_token(name, role, days)
    if output is OutputFormat.JSON:
        print_json(made)
    else:
        typer.echo(f"token {name}, {role}, expires {when(made.token.expires_ms)}; shown this once:", err=True)
        typer.echo(made.secret)


def list_tokens(
    database: str | None = DATABASE_OPTION, output: OutputFormat = OUTPUT_OPTION, url: str | None = URL_OPTION
) -> None:
    """List the tokens, without their secrets.

    Example: slipway token list --output json
    """
    now_ms = time.time_ns() // 1_000_000
    columns = {
        "token": lambda token: token.name,
        "role": lambda token: token.role,
        "state": lambda token: token.state(now_ms),
        "created": lambda token: when(token.created_ms),
        "expires": lambda token: when(token.expires_ms),
    }
    with _tokens(database, url) as tokens:
        print_rows(tokens.tokens(), columns, output, empty="no tokens yet: slipway token create")


def revoke(
    name: str = NAME_ARGUMENT,
    database: str | None = DATABASE_OPTION,
    output: OutputFormat = OUTPUT_OPTION,
    url: str | None = URL_OPTION,
) -> None:
    """Revoke a token: in a few seconds it opens nothing.

    Example: slipway token revoke ada
    """
    with _tokens(database, url) as tokens:
        tokens.revoke_token(name)
    print_done(f"token {name} revoked", {"deleted": name}, output)


def audit(
    since_minutes: float = typer.Option(24 * 60.0, "--since", help="Minutes to look back."),
    who: str | None = typer.Option(None, help="Only what this token did."),
    limit: int = typer.Option(100, min=1, max=10_000),
    output: OutputFormat = OUTPUT_OPTION,
    url: str | None = URL_OPTION,
) -> None:
    """Show who changed what, when and from where, and who was refused.

    Example: slipway audit --since 60 --who ada --output json
    """
    if not 0 < since_minutes < math.inf:
        raise InvalidInput(f"--since {since_minutes:g}: write minutes, more than 0")
    since_ms = max(0, int((time.time() - since_minutes * 60) * 1000))
    columns = {
        "time": lambda entry: when(entry.at_ms),
        "who": lambda entry: entry.who or "-",
        "from": lambda entry: entry.address or "-",
        "request": lambda entry: f"{entry.method} {entry.path}",
        "status": lambda entry: entry.status,
        "id": lambda entry: entry.request_id or "-",
    }
    with connect(url) as client:
        print_rows(client.access.audit(since_ms, who, limit), columns, output, empty="nothing in that time")


@contextmanager
def _tokens(database: str | None, url: str | None) -> Iterator[_Tokens]:
    """Give the tokens of a registry, or of the store that ``database`` names."""
    if database is None:
        with connect(url) as client:
            yield client.access
        return
    from registry.operations.security.local_access import LocalTokens
    from registry.operations.security.tokens import open_store

    workspace = open_store(database)
    try:
        yield LocalTokens(workspace, getpass.getuser())
    finally:
        workspace.close()
