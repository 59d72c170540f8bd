"""``slipway node``: what this machine keeps to run images, and giving back what nobody uses."""

import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import typer

from registry.cli.context import DEFAULT_DIRECTORY, DIRECTORY_VARIABLE
from registry.cli.output import OUTPUT_OPTION, OutputFormat, console, print_json, print_rows, when
from registry.core.times import DAY_MS
from serving.node.keeping.room import BOUND_VARIABLE, open_room
from serving.node.running.launch import NODE
from serving.policy.eviction import Cached, bytes_of

DIR_OPTION = typer.Option(DEFAULT_DIRECTORY, "--dir", envvar=DIRECTORY_VARIABLE, help="The workspace's folder.")
CACHE_OPTION = typer.Option(
    None,
    "--node-cache-gb",
    envvar=BOUND_VARIABLE,
    min=0.001,
    help="Most that this machine keeps of images and environments beyond what is in use; default: 20.",
)


class CacheView(msgspec.Struct, frozen=True, kw_only=True):
    """``bytes`` counts what two images share once."""

    bytes: int
    most_bytes: int
    entries: list[Cached]


class PruneView(msgspec.Struct, frozen=True, kw_only=True):
    """``freed_bytes`` is what goes, or would go: without what entries that stay share with them."""

    done: bool
    freed_bytes: int
    entries: list[Cached]


def cache(
    folder: Path = DIR_OPTION, node_cache_gb: float | None = CACHE_OPTION, output: OutputFormat = OUTPUT_OPTION
) -> None:
    """Show the images and environments that this machine keeps, and what they take.

    Example: slipway node cache --output json
    """
    room = open_room(folder / NODE, node_cache_gb)
    entries = sorted(room.cached(), key=lambda entry: -entry.last_used_ms)
    view = CacheView(bytes=bytes_of(entries), most_bytes=room.most_bytes, entries=entries)
    if output is OutputFormat.JSON:
        print_json(view)
        return
    print_rows(entries, _COLUMNS, output, empty=f"{folder / NODE} keeps nothing yet")
    if entries:
        console.print(f"{_gigabytes(view.bytes)} of at most {_gigabytes(view.most_bytes)}", highlight=False)


def prune(
    folder: Path = DIR_OPTION,
    older_than: float = typer.Option(0.0, min=0.0, max=36_500.0, help="Only what was last used so many days ago."),
    yes: bool = typer.Option(False, "--yes", help="Do it; without this it is only shown."),
    output: OutputFormat = OUTPUT_OPTION,
) -> None:
    """Give back what this machine keeps and nothing uses. It is pulled or made again when it is needed.

    Without --yes it shows what would go, and changes nothing.

    Example: slipway node prune --older-than 7
    """
    room = open_room(folder / NODE, None)
    before = room.cached()
    unused = room.unused_since(time.time_ns() // 1_000_000 - int(older_than * DAY_MS))
    gone = room.drop(unused) if yes and unused else unused
    keys = {entry.key for entry in gone}
    freed_bytes = bytes_of(before) - bytes_of(entry for entry in before if entry.key not in keys)
    if output is OutputFormat.JSON:
        print_json(PruneView(done=yes, freed_bytes=freed_bytes, entries=gone))
        return
    print_rows(gone, _COLUMNS, output, empty="nothing is kept that nobody uses")
    if gone:
        said = "given back" if yes else "would be given back: slipway node prune --yes does it"
        console.print(f"{_gigabytes(freed_bytes)} {said}", highlight=False)


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{size / 1e6:.1f} MB"


_COLUMNS: dict[str, Callable[[Cached], str]] = {
    "what": lambda entry: f"{entry.kind} {entry.name}",
    "key": lambda entry: entry.key[:12],
    "size": lambda entry: _gigabytes(sum(entry.parts.values())),
    "last used": lambda entry: "now" if entry.in_use else when(entry.last_used_ms),
}
