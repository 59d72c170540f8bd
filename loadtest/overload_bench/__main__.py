"""Overload and two keys, each figure beside its bar; writes ``build/bench-overload.json``. It takes 12 minutes.

Exit codes: 0 every bar is met, 1 one is not, 2 a model could not be measured.
"""

import argparse
import sys
from pathlib import Path

import httpx
import msgspec
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from loadtest.bench.report import Host, this_host
from loadtest.bench.subject import NotReady
from loadtest.demo.command import CommandFailed
from loadtest.overload_bench.crowds import Crowd, Findings, Lengths
from loadtest.overload_bench.workspace import MODELS, overload_workspace
from loadtest.registry_bench.measures import Measure, print_measures

OUTPUT = Path("build/bench-overload.json")


class Report(msgspec.Struct, frozen=True, kw_only=True):
    host: Host
    crowds: list[Crowd]
    measures: list[Measure]


def run(models: list[str], lengths: Lengths, console: Console) -> list[Measure]:
    """Load each model in turn, print what was found and write the report."""
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("starting the workspace", total=len(models) * lengths.steps())
        findings = Findings(lengths, lambda done: progress.update(task, description=done, advance=1))
        with overload_workspace() as served:
            for model in served:
                if model.name in models:
                    findings.overload(model)
                    findings.two_keys(model)
    print_crowds(console, findings.crowds)
    print_measures(console, findings.measures)
    OUTPUT.parent.mkdir(exist_ok=True)
    report = Report(host=this_host(), crowds=findings.crowds, measures=findings.measures)
    OUTPUT.write_bytes(msgspec.json.format(msgspec.json.encode(report)) + b"\n")
    return findings.measures


def print_crowds(console: Console, crowds: list[Crowd]) -> None:
    table = Table(header_style="bold", caption="good: answered 200 within 1 s of the moment it was to be sent")
    for heading in ("model", "case"):
        table.add_column(heading)
    for heading in ("sent/s", "good/s", "p50 ms", "p99 ms"):
        table.add_column(heading, justify="right")
    table.add_column("statuses")
    for one in crowds:
        figures = (f"{value:,.1f}" for value in (one.rate_per_s, one.good_per_s, one.p50_ms, one.p99_ms))
        statuses = ", ".join(f"{count:,} × {status or 'no answer'}" for status, count in one.statuses.items())
        table.add_row(one.model, one.case, *figures, statuses)
    console.print(table)
    for one in crowds:
        if one.first_failure:
            console.print(f"{one.model}, {one.case}: {one.first_failure!r}", highlight=False, markup=False)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m loadtest.overload_bench", description=__doc__)
    parser.add_argument("models", nargs="*", help=f"which of {', '.join(MODELS)}; default: all")
    parser.add_argument("--peak", type=float, default=10.0, help="seconds of each look at the peak")
    parser.add_argument("--overload", type=float, default=60.0, help="seconds of each overload")
    parser.add_argument("--rounds", type=int, default=5, help="of two keys")
    parser.add_argument("--round", type=float, default=15.0, help="seconds of one")
    given = parser.parse_args()
    if unknown := set(given.models) - set(MODELS):
        parser.error(f"there is no model {min(unknown)}: choose from {', '.join(MODELS)}")
    console = Console(soft_wrap=True)
    lengths = Lengths(given.peak, given.overload, given.rounds, given.round)
    try:
        measures = run(given.models or list(MODELS), lengths, console)
    except (NotReady, CommandFailed, OSError, httpx.HTTPError) as error:
        console.print(f"[bold red]error:[/] {error}", highlight=False)
        return 2
    return int(not all(one.met for one in measures))


if __name__ == "__main__":
    sys.exit(main())
