"""Mirrored traffic, each figure beside its bar; writes ``build/bench-mirror.json``. It takes 12 minutes.

Exit codes: 0 every bar is met, 1 one is not, 2 it could not be measured.
"""

import argparse
import sys
from pathlib import Path

import httpx
from rich.console import Console
from rich.progress import Progress

from loadtest.bench.subject import NotReady
from loadtest.demo.command import CommandFailed
from loadtest.mirror_bench.findings import BAD, Findings
from loadtest.mirror_bench.workspace import mirrored_workspace
from loadtest.registry_bench.measures import Measure, print_measures, write_report

OUTPUT = Path("build/bench-mirror.json")


def run(given: argparse.Namespace, console: Console) -> list[Measure]:
    """Measure, print and write."""
    with Progress(console=console, transient=True) as progress:
        steps = 1 + 3 * len(BAD) * given.rounds
        task = progress.add_task("starting the workspace", total=steps)
        with mirrored_workspace(["green", *BAD]) as mirrored:
            findings = Findings(mirrored, lambda done: progress.update(task, description=done, advance=1))
            findings.agreement(given.requests)
            findings.bad_targets(given.rate, given.rounds, given.seconds)
    print_measures(console, findings.measures)
    write_report(OUTPUT, [], findings.measures)
    return findings.measures


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m loadtest.mirror_bench", description=__doc__)
    parser.add_argument("--requests", type=int, default=5000, help="that are compared")
    parser.add_argument("--rate", type=float, default=100.0, help="requests a second beside a bad target")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each load")
    given = parser.parse_args()
    console = Console(soft_wrap=True)
    try:
        measures = run(given, console)
    except (NotReady, CommandFailed, OSError, httpx.HTTPError) as error:
        console.print(f"[bold red]error:[/] {error}", highlight=False)
        return 2
    return int(not all(one.met for one in measures))


if __name__ == "__main__":
    sys.exit(main())
