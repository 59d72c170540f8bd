"""``slipway endpoint route``."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import Progress

from registry.cli.context import URL_OPTION, connect
from registry.cli.deploying.endpoints import read_weights
from registry.cli.names import ENDPOINT_ARGUMENT
from registry.cli.output import OUTPUT_OPTION, OutputFormat, note, print_json, print_rows
from registry.client import Client
from registry.core.deploying.routes import MAX_KEYS, Route, RoutedKeys
from registry.core.errors import InvalidInput

MOST_ROWS = 50  # of a table; of more keys it has the shares


def route(
    name: str = ENDPOINT_ARGUMENT,
    keys: list[str] | None = typer.Option(None, "--key", help="A traffic key; can be given several times."),
    keys_file: Path | None = typer.Option(None, help="A file with a key on each line."),
    traffic: str | None = typer.Option(None, help='A split to try without changing anything, as "blue=90 green=10".'),
    output: OutputFormat = OUTPUT_OPTION,
    url: str | None = URL_OPTION,
) -> None:
    """Compute which deployment clients meet by their traffic keys, now or under a planned split.

    Example: slipway endpoint route cancer --key alice --traffic "green=10 blue=90"
    """
    wanted = [*(keys or []), *(_lines_of(keys_file) if keys_file is not None else [])]
    if not wanted:
        raise InvalidInput("name the keys: --key alice, or --keys-file FILE")
    routed = _ask(connect(url), name, wanted, None if traffic is None else read_weights(traffic))
    if output is OutputFormat.JSON:
        print_json(routed)
        return
    if len(routed.routes) <= MOST_ROWS:
        columns = {
            "key": lambda one: one.key,
            "bucket": lambda one: one.bucket,
            "interval": lambda one: "-" if one.bound is None else f"{one.low}–{one.bound - 1}",
            "deployment": lambda one: one.deployment or "none has traffic",
            "revision": lambda one: one.revision or "-",
        }
        print_rows(routed.routes, columns, output, empty="")
    else:
        _print_shares(routed.routes)
    if traffic is not None:
        note(f"the split that is tried would move {routed.moved_percent:g} % of all users")
    if routed.source.startswith(("query:", "json:")):
        note(f"gRPC calls have no {routed.source.partition(':')[0]}: they go to a random deployment")


def _ask(client: Client, name: str, keys: list[str], traffic: dict[str, float] | None) -> RoutedKeys:
    """Route any number of keys, showing a terminal how far it is."""
    console = Console(stderr=True, emoji=False)
    several = console.is_terminal and len(keys) > MAX_KEYS
    answers = []
    with Progress(console=console, transient=True, disable=not several) as progress:
        task = progress.add_task("routing", total=len(keys))
        for start in range(0, len(keys), MAX_KEYS):
            answers.append(client.endpoints.route(name, keys[start : start + MAX_KEYS], traffic))
            progress.update(task, advance=MAX_KEYS)
    first = answers[0]
    routes = [one for answer in answers for one in answer.routes]
    return RoutedKeys(source=first.source, moved_percent=first.moved_percent, routes=routes)


def _lines_of(file: Path) -> Iterator[str]:
    try:
        with file.open(encoding="utf-8") as lines:
            yield from (line.rstrip("\n") for line in lines)
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{file}: {error}") from error


def _print_shares(routes: list[Route]) -> None:
    counts = Counter(one.deployment or "none has traffic" for one in routes)
    columns = {
        "deployment": lambda one: one[0],
        "keys": lambda one: f"{one[1]:,}",
        "share": lambda one: f"{100 * one[1] / len(routes):.2f} %",
    }
    print_rows(counts.most_common(), columns, OutputFormat.TABLE, empty="")
