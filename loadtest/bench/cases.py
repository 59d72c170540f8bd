"""A benchmark of several cases in one workspace: each figure beside its bar, and a report."""

import argparse
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import httpx
from rich.console import Console

from loadtest.bench.engine_workspace import Bench, bench_workspace
from loadtest.bench.subject import NotReady
from loadtest.demo.command import CommandFailed
from loadtest.registry_bench.measures import Measure, print_measures, write_report

Case = Callable[[Bench], list[Measure]]


def run_cases(module: str, description: str | None, cases: Mapping[str, Case], output: Path) -> int:
    """Run the cases that the command line names, or all; return the exit code.

    0: every bar is met, 1: one is not, 2: a case could not be measured.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=description)
    parser.add_argument("cases", nargs="*", help=f"which of {', '.join(cases)}; default: all")
    given = parser.parse_args()
    if unknown := set(given.cases) - set(cases):
        parser.error(f"there is no case {min(unknown)}: choose from {', '.join(cases)}")
    console = Console(soft_wrap=True)
    measures: list[Measure] = []
    try:
        with console.status("starting a workspace") as status, bench_workspace(status.update) as bench:
            for case in given.cases or cases:
                measures += cases[case](bench)
    except (NotReady, CommandFailed, OSError, subprocess.SubprocessError, httpx.HTTPError) as error:
        if measures:
            print_measures(console, measures)  # of the cases before
        console.print(f"[bold red]error:[/] {error}", highlight=False)
        return 2
    print_measures(console, measures)
    write_report(output, [], measures)
    return int(not all(one.met for one in measures))
