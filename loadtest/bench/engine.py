"""``make bench-engine``: what the engine promises, each figure beside its bar; writes ``build/bench-engine.json``.

Exit codes: 0 every bar is met, 1 one is not, 2 a case could not be measured.
"""

import argparse
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
from rich.console import Console

from loadtest.bench.engine_cached import cached
from loadtest.bench.engine_lone import lone
from loadtest.bench.engine_mlp import mlp
from loadtest.bench.engine_poison import poison
from loadtest.bench.engine_workspace import Bench, bench_workspace
from loadtest.bench.subject import NotReady
from loadtest.demo.command import CommandFailed
from loadtest.registry_bench.measures import Measure, print_measures, write_report

OUTPUT = Path("build/bench-engine.json")
CASES: dict[str, Callable[[Bench], list[Measure]]] = {"poison": poison, "lone": lone, "mlp": mlp, "cached": cached}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m loadtest.bench.engine", description=__doc__)
    parser.add_argument("cases", nargs="*", help=f"which of {', '.join(CASES)}; default: all")
    given = parser.parse_args()
    if unknown := set(given.cases) - set(CASES):
        parser.error(f"there is no case {min(unknown)}: choose from {', '.join(CASES)}")
    console = Console(soft_wrap=True)
    measures: list[Measure] = []
    try:
        with console.status("starting a workspace") as status, bench_workspace(status.update) as bench:
            for case in given.cases or CASES:
                measures += CASES[case](bench)
    except (NotReady, CommandFailed, OSError, subprocess.SubprocessError, httpx.HTTPError) as error:
        if measures:
            print_measures(console, measures)  # of the cases before
        console.print(f"[bold red]error:[/] {error}", highlight=False)
        return 2
    print_measures(console, measures)
    write_report(OUTPUT, [], measures)
    return int(not all(one.met for one in measures))


if __name__ == "__main__":
    sys.exit(main())
