"""``python -m loadtest.soak``: so many cycles, the node's memory now and then, and whether it grew.

Exit codes: 0 the bar is met, 1 it is not, 2 a cycle failed.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from loadtest.bench.report import this_host
from loadtest.bench.subject import NotReady
from loadtest.demo.command import CommandFailed
from loadtest.soak.cycle import workspace
from loadtest.soak.disk import Space, ray_logs, space_of
from loadtest.soak.footprint import NONE, OURS, RAYS, Node, node_footprint, total

BAR = 0.01
LOOKS = 10  # besides the first
# What is imported, cached or opened once is there then; the last of it comes with telemetry's first Parquet file, five
# minutes after the first request.
WARM_UP_S = 330.0


class Look(NamedTuple):
    """The node after so many cycles, with everything settled."""

    cycles: int
    node: Node
    disk: dict[str, Space]


def soak(cycles: int, console: Console) -> list[Look]:
    """Look at the node now and then, the first time after the warm-up.

    Raises:
        NotReady, CommandFailed: something did not go as it should.
    """
    looks: list[Look] = []
    every = max(1, cycles // LOOKS)
    with workspace() as one, Progress(console=console, transient=True) as progress:
        warming, began = progress.add_task("warming up", total=WARM_UP_S), time.monotonic()
        while time.monotonic() - began < WARM_UP_S:
            one.load_and_unload()
            progress.update(warming, completed=time.monotonic() - began)
        task = progress.add_task("loading and unloading", total=cycles)
        for done in range(cycles + 1):
            if done % every == 0 or done == cycles:
                pids = one.quiet_pids()
                disk = space_of(one.folder) | {"Ray's logs": ray_logs(pids)}
                looks.append(Look(done, node_footprint(pids), disk))
            if done < cycles:
                one.load_and_unload()
                progress.advance(task)
    return looks


def growth(looks: list[Look], whose: str) -> float:
    """Return by what part the memory that belongs to no file has grown from the first look to the last.

    Pages of files are the machine's to give and to take: what they count for moves with what strangers do.
    """
    first, last = (total(look.node, whose).anonymous_bytes for look in (looks[0], looks[-1]))
    return last / first - 1


def show(console: Console, looks: list[Look]) -> None:
    cycles, first, last = looks[-1].cycles, looks[0].node, looks[-1].node
    caption = (
        f"before and after {cycles} cycles; MB are proportional set sizes, own is the part that belongs to no file"
    )
    table = Table(header_style="bold", caption=caption)
    for heading in ("whose", "process"):
        table.add_column(heading)
    for heading in ("MB", "after", "own", "after", "%", "files", "after", "threads", "after"):
        table.add_column(heading, justify="right")
    kinds = sorted(first.keys() | last.keys())
    rows = [(kind, first.get(kind, NONE), last.get(kind, NONE)) for kind in kinds]
    rows += [((whose, "all"), total(first, whose), total(last, whose)) for whose in (OURS, RAYS)]
    for (whose, name), before, after in rows:
        sizes = (f"{before.pss_bytes / 1e6:.1f}", f"{after.pss_bytes / 1e6:.1f}")
        grown = (
            f"{(after.anonymous_bytes / before.anonymous_bytes - 1) * 100:+.1f}" if before.anonymous_bytes else "new"
        )
        own = (f"{before.anonymous_bytes / 1e6:.1f}", f"{after.anonymous_bytes / 1e6:.1f}", grown)
        counts = (before.files, after.files, before.threads, after.threads)
        table.add_row(whose, name, *sizes, *own, *map(str, counts))
    console.print(table)
    for whose in (OURS, RAYS):
        series = ", ".join(f"{total(look.node, whose).anonymous_bytes / 1e6:.1f}" for look in looks)
        console.print(f"{whose}, own MB over the cycles: {series}", highlight=False)
    for name, now in looks[-1].disk.items():
        then = looks[0].disk.get(name, Space(0, 0))
        if now != then:
            files, size = now.files - then.files, (now.bytes - then.bytes) / 1e6
            console.print(f"on disk, {name}: {files:+,} files, {size:+,.2f} MB", highlight=False)


def report(looks: list[Look], seconds: float) -> dict[str, Any]:
    return {
        "host": {name: getattr(this_host(), name) for name in this_host().__struct_fields__},
        "seconds": round(seconds, 1),
        "growth": {whose: round(growth(looks, whose), 5) for whose in (OURS, RAYS)},
        "looks": [
            {
                "cycles": look.cycles,
                "processes": [
                    {"whose": whose, "name": name, **footprint._asdict()}
                    for (whose, name), footprint in sorted(look.node.items())
                ],
                "disk": {name: space._asdict() for name, space in look.disk.items()},
            }
            for look in looks
        ],
    }


def main() -> int:
    """Soak, print a table, write the report."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.soak", description=__doc__)
    parser.add_argument("--cycles", type=int, default=100, help="(%(default)s)")
    parser.add_argument("--output", type=Path, default=Path("build/soak-loads.json"), help="(%(default)s)")
    options = parser.parse_args()
    console, began = Console(), time.monotonic()
    try:
        looks = soak(options.cycles, console)
    except (NotReady, CommandFailed) as error:
        console.print(f"soak: {error}", style="red")
        return 2
    show(console, looks)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(report(looks, time.monotonic() - began), indent=2) + "\n")
    grown = growth(looks, OURS)
    console.print(f"our processes grew by {grown:.1%}; the bar is {BAR:.0%}", style="green" if grown <= BAR else "red")
    return int(grown > BAR)


if __name__ == "__main__":
    sys.exit(main())
