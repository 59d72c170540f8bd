"""``python -m loadtest.soak``: so many cycles, the node's memory now and then, and whether it grew.

Exit codes: 0 the bar is met, 1 it is not, 2 a cycle failed.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from loadtest.bench.report import this_host
from loadtest.bench.subject import NotReady
from loadtest.demo.command import CommandFailed
from loadtest.soak.cycle import workspace
from loadtest.soak.footprint import NONE, OURS, RAYS, Node, node_footprint, total

BAR = 0.01
LOOKS = 10  # besides the first
WARM_UP = 3  # cycles: what is imported, cached or opened once is there after them


def soak(cycles: int, console: Console) -> list[tuple[int, Node]]:
    """Return the node after so many cycles, each time with everything settled; the first time after the warm-up.

    Raises:
        NotReady, CommandFailed: something did not go as it should.
    """
    looks: list[tuple[int, Node]] = []
    every = max(1, cycles // LOOKS)
    with workspace() as one, Progress(console=console, transient=True) as progress:
        task = progress.add_task("loading and unloading", total=WARM_UP + cycles)
        for number in range(WARM_UP + cycles + 1):
            done = number - WARM_UP
            if done >= 0 and (done % every == 0 or done == cycles):
                looks.append((done, node_footprint(one.quiet_pids())))
            if done < cycles:
                one.load_and_unload()
            progress.advance(task)
    return looks


def growth(looks: list[tuple[int, Node]], whose: str) -> float:
    """Return by what part the memory has grown from the first look to the last."""
    first, last = (total(node, whose).pss_bytes for node in (looks[0][1], looks[-1][1]))
    return last / first - 1


def show(console: Console, looks: list[tuple[int, Node]]) -> None:
    cycles = looks[-1][0]
    first, last = looks[0][1], looks[-1][1]
    table = Table(header_style="bold", caption=f"before and after {cycles} cycles; MB are proportional set sizes")
    for heading in ("whose", "process"):
        table.add_column(heading)
    for heading in ("MB", "after", "%", "files", "after", "threads", "after"):
        table.add_column(heading, justify="right")
    kinds = sorted(first.keys() | last.keys())
    rows = [(kind, first.get(kind, NONE), last.get(kind, NONE)) for kind in kinds]
    rows += [((whose, "all"), total(first, whose), total(last, whose)) for whose in (OURS, RAYS)]
    for (whose, name), before, after in rows:
        grown = f"{(after.pss_bytes / before.pss_bytes - 1) * 100:+.1f}" if before.pss_bytes else "new"
        sizes = (f"{before.pss_bytes / 1e6:.1f}", f"{after.pss_bytes / 1e6:.1f}", grown)
        counts = (before.files, after.files, before.threads, after.threads)
        table.add_row(whose, name, *sizes, *map(str, counts))
    console.print(table)
    for whose in (OURS, RAYS):
        series = ", ".join(f"{total(node, whose).pss_bytes / 1e6:.1f}" for _, node in looks)
        console.print(f"{whose}, MB over the cycles: {series}", highlight=False)


def report(looks: list[tuple[int, Node]], seconds: float) -> dict[str, Any]:
    return {
        "host": {name: getattr(this_host(), name) for name in this_host().__struct_fields__},
        "seconds": round(seconds, 1),
        "growth": {whose: round(growth(looks, whose), 5) for whose in (OURS, RAYS)},
        "looks": [
            {
                "cycles": cycles,
                "processes": [
                    {"whose": whose, "name": name, **footprint._asdict()}
                    for (whose, name), footprint in sorted(node.items())
                ],
            }
            for cycles, node in looks
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
