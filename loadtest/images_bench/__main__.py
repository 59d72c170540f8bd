"""What images cost, each figure beside its bar; writes ``build/bench-images.json``.

Exit codes: 0 every bar is met, 1 one is not, 2 a case could not be measured.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from loadtest.bench.subject import NotReady
from loadtest.demo.command import CommandFailed
from loadtest.images_bench.builds import builds
from loadtest.images_bench.environments import environments, together
from loadtest.images_bench.registry import Bench, bench_registry
from loadtest.images_bench.replicas import replicas
from loadtest.images_bench.transfers import transfers
from loadtest.registry_bench.measures import Measure, print_measures, write_report

OUTPUT = Path("build/bench-images.json")
CASES: dict[str, Callable[[Bench], list[Measure]]] = {
    "builds": builds,
    "environments": environments,
    "together": together,
    "replicas": replicas,
    "transfers": transfers,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m loadtest.images_bench", description=__doc__)
    parser.add_argument("cases", nargs="*", help=f"which of {', '.join(CASES)}; default: all")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    if unknown := set(given.cases) - set(CASES):
        parser.error(f"there is no case {min(unknown)}: choose from {', '.join(CASES)}")
    console = Console(soft_wrap=True)
    measures: list[Measure] = []
    try:
        with (
            tempfile.TemporaryDirectory(prefix="slipway-bench-") as name,
            bench_registry(Path(name), given.rounds) as bench,
        ):
            for case in given.cases or CASES:
                with console.status(case):
                    measures += CASES[case](bench)
    except (NotReady, CommandFailed, OSError, subprocess.SubprocessError) as error:
        console.print(f"[bold red]error:[/] {error}", highlight=False)
        return 2
    print_measures(console, measures)
    write_report(OUTPUT, [], measures)
    return int(not all(one.met for one in measures))


if __name__ == "__main__":
    sys.exit(main())
