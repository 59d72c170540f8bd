"""Tables for people, JSON for programs."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.table import Table
from rich.text import Text

console = Console(emoji=False)  # azureml:cancer:2 holds a name that rich has a picture for


class OutputFormat(StrEnum):
    TABLE = "table"
    JSON = "json"


OUTPUT_OPTION = typer.Option(OutputFormat.TABLE, "--output", "-o", help="table for people, json for programs.")


def note(text: str) -> None:
    """Say on stderr what a person does next."""
    Console(stderr=True, soft_wrap=True, emoji=False).print(text, highlight=False, markup=False)


def warn(text: str) -> None:
    """Say on stderr what a person may not have meant."""
    Console(stderr=True, soft_wrap=True, emoji=False).print(f"[yellow]warning:[/] {escape(text)}", highlight=False)


def print_json(value: Any) -> None:
    """Print a record or a list of them as indented JSON."""
    typer.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def print_rows(
    rows: Sequence[Any], columns: Mapping[str, Any], output: OutputFormat, empty: str, whole: Collection[str] = ()
) -> None:
    """Print records: as JSON whole, as a table by ``columns`` (heading → function of a record).

    In a narrow terminal the columns ``whole`` are the last to be broken into lines.
    """
    if output is OutputFormat.JSON:
        print_json(rows)
    elif rows:
        console.print(table(columns, ([str(cell(row)) for cell in columns.values()] for row in rows), whole))
    else:
        console.print(empty, style="dim")


def print_record(record: Any, fields: Mapping[str, Any], output: OutputFormat) -> None:
    """Print one record: as JSON whole, as a table of ``fields`` (name → value)."""
    if output is OutputFormat.JSON:
        print_json(record)
        return
    grid = Table(show_header=False, box=None, pad_edge=False)
    grid.add_column(style="bold")
    grid.add_column(overflow="fold")
    for name, value in fields.items():
        grid.add_row(name, Text(str(value)))
    console.print(grid)


def print_done(sentence: str, record: Any, output: OutputFormat) -> None:
    """Say what was done: as JSON the record as it is now, or, of what is gone, ``{"deleted": name}``."""
    if output is OutputFormat.JSON:
        print_json(record)
    else:
        console.print(sentence, highlight=False, markup=False)


@contextmanager
def transfer(what: str, size_bytes: int, output: OutputFormat) -> Iterator[Callable[[int], None]]:
    """Show a bar while bytes travel, unless a program reads the output; call what is given with each piece's size."""
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console, disable=output is OutputFormat.JSON) as progress:
        task = progress.add_task(what, total=size_bytes)
        yield lambda size: progress.advance(task, size)


def table(headings: Iterable[str], rows: Iterable[Sequence[str]], whole: Collection[str] = ()) -> Table:
    """Return a table in the house's style; the columns ``whole`` are not broken into lines."""
    made = Table(header_style="bold", box=None, pad_edge=False)
    for heading in headings:
        made.add_column(heading, overflow="fold", no_wrap=heading in whole)
    for row in rows:
        made.add_row(*(Text(cell) for cell in row))  # as it is: users' strings may look like markup
    return made


def when(unix_ms: int | None) -> str:
    """Return a time as people write it, in UTC."""
    return datetime.fromtimestamp(unix_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ") if unix_ms else "-"


def clock(unix_ms: int) -> str:
    """Return the time of day, in UTC, of what is recent."""
    return datetime.fromtimestamp(unix_ms / 1000, UTC).strftime("%H:%M:%SZ")


def expiry(expires_ms: int | None) -> str:
    """Return when something is deleted by itself."""
    return when(expires_ms) if expires_ms else "never"


def short(digest: str) -> str:
    """Return the first 12 hexadecimal digits of a digest, as people compare them."""
    return digest.removeprefix("sha256:")[:12]


def pairs(values: Mapping[str, Any]) -> str:
    """Return names and values as people write them."""
    return ", ".join(f"{key}={value}" for key, value in sorted(values.items())) or "none"


def number(value: float | str) -> str:
    """Return a metric's value or a param as people read it."""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
