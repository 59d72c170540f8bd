"""The registry beside ``mlflow server``: interleaved rounds, then what the registry alone must hold.

Exit codes: 0 every bar is met, 1 one is not, 2 a server could not be started or gave a wrong answer.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple

from msgspec.structs import replace
from rich.console import Console

from loadtest.bench.report import Row, median_row, print_table
from loadtest.bench.subject import NotReady
from loadtest.registry_bench import cases
from loadtest.registry_bench.artifact import transfer
from loadtest.registry_bench.fill import add_history, add_runs
from loadtest.registry_bench.footprint import installed_bytes
from loadtest.registry_bench.measures import Measure, print_measures, write_report
from loadtest.registry_bench.servers import Server, install_mlflow, slipway_registry, stock_server

OUTPUT = Path("build/bench-registry.json")
STOCK_RUNS = 10_000
GROWTH = (1_000, 10_000, 100_000)
HISTORY = 1_000_000
GIGABYTE = 1 << 30


class Options(NamedTuple):
    rounds: int
    seconds: float


def against_stock(options: Options, folder: Path, console: Console) -> tuple[list[Row], list[Measure]]:
    """Start both again and again, then load both in turn."""
    with console.status("installing mlflow into build/mlflow, once"):
        python = install_mlflow(Path("build/mlflow").absolute())
    starts: dict[str, list[float]] = {"slipway": [], "mlflow": []}
    with console.status("starting both, again and again"):
        for number in range(options.rounds):
            for server in _started(folder / f"start-{number}", python):
                starts[server.name].append(server.ready_s)
    with ExitStack() as stack:
        ours = stack.enter_context(slipway_registry(folder / "ours"))
        stock = stack.enter_context(stock_server(folder / "stock", python))
        memory = ours.pss_mb()
        experiments = {}
        for server in (ours, stock):
            experiments[server.name] = str(server.call("experiments/create", {"name": "search"})["experiment_id"])
            add_runs(server.name, server.database, int(experiments[server.name]), range(STOCK_RUNS))
        rows, ratios = _rounds(_stock_cases(experiments, options.seconds), [ours, stock], options.rounds, console)
        memory = max(memory, ours.pss_mb())
    measures = [
        Measure(case="start to ready", value=median(starts["slipway"]), unit="s", bar=1.5, at_least=False),
        Measure(case="memory, PSS, after all of it", value=memory, unit="MB", bar=130, at_least=False),
        *(Measure(case=f"{case} ÷ mlflow", value=ratios[case], unit="×", bar=bar, at_least=True) for case, bar in BARS),
    ]
    console.print(f"mlflow started in {median(starts['mlflow']):.1f} s", highlight=False)
    return rows, measures


BARS = [
    ("log-metric, 1 connections", 4.0),
    ("log-metric, 8 connections", 8.0),
    ("log-batch of 100", 5.0),
    ("search 50 of 10,000", 10.0),
]
Case = Callable[[Server], Row]


def _stock_cases(experiments: dict[str, str], seconds: float) -> dict[str, Case]:
    return {
        "log-metric, 1 connections": lambda server: cases.log_metric(server, 1, seconds),
        "log-metric, 8 connections": lambda server: cases.log_metric(server, 8, seconds),
        "log-batch of 100": lambda server: cases.log_batch(server, seconds),
        "search 50 of 10,000": lambda server: cases.search(
            server, experiments[server.name], seconds, "search 50 of 10,000"
        ),
    }


def _started(folder: Path, python: Path) -> list[Server]:
    with slipway_registry(folder / "ours") as ours:
        pass
    with stock_server(folder / "stock", python) as stock:
        pass
    return [ours, stock]


def _rounds(
    named: dict[str, Case], servers: list[Server], rounds: int, console: Console
) -> tuple[list[Row], dict[str, float]]:
    """Return the medians of every case, and of the rates' ratios within a round."""
    rows, ratios = [], {}
    for name, case in named.items():
        with console.status(name):
            taken = [[case(server) for server in servers] for _ in range(rounds)]
        ratios[name] = median(ours.requests_per_s / stock.requests_per_s for ours, stock in taken)
        rows += [median_row([pair[index] for pair in taken]) for index in range(len(servers))]
    return rows, ratios


def alone(options: Options, folder: Path, console: Console) -> tuple[list[Row], list[Measure]]:
    """Grow one registry to 100,000 runs, a history of a million points and a gigabyte."""
    rows: list[Row] = []
    rates: dict[str, list[float]] = {"search": [], "search for nothing": [], "log-metric": []}
    with slipway_registry(folder / "grown") as server:
        experiment = str(server.call("experiments/create", {"name": "growth"})["experiment_id"])
        there = 0
        for count in GROWTH:
            with console.status(f"{count:,} runs"):
                add_runs(server.name, server.database, int(experiment), range(there, count))
                there = count
                found = _median_of(
                    options,
                    partial(cases.search, server, experiment, options.seconds, f"search 50 of {count:,}"),
                )
                missed = _median_of(
                    options,
                    partial(cases.search_nothing, server, experiment, options.seconds, f"search none of {count:,}"),
                )
                logged = _median_of(options, lambda: cases.log_metric(server, 8, options.seconds))
            rows += [found, missed, replace(logged, case=f"log-metric, 8 connections, {count:,} runs")]
            rates["search"].append(found.requests_per_s)
            rates["search for nothing"].append(missed.requests_per_s)
            rates["log-metric"].append(logged.requests_per_s)
        page = cases.list_page(server, experiment, options.seconds)
        with console.status("a history of 1,000,000 points"):
            run = cases.new_run(server)
            add_history(server.name, server.database, 0, run, "long", HISTORY)
            sampled = cases.sampled_history(server, run, "long")
        with console.status("1 GB up and down"):
            moved = transfer(server, folder, GIGABYTE)
    growth = [
        Measure(case=f"{name}: slowest ÷ fastest as runs grow", value=max(r) / min(r), unit="×", bar=2, at_least=False)
        for name, r in rates.items()
    ]
    return rows, [
        *growth,
        Measure(case="page of 100,000 runs, p95", value=page.p95_ms, unit="ms", bar=100, at_least=False),
        Measure(case="history of 1,000,000 points", value=sampled, unit="ms", bar=300, at_least=False),
        Measure(case="1 GB up ÷ sha256sum", value=moved.sha256sum_s / moved.up_s, unit="×", bar=0.4, at_least=True),
        Measure(case="1 GB down ÷ sha256sum", value=moved.sha256sum_s / moved.down_s, unit="×", bar=0.4, at_least=True),
        Measure(case="memory grew with 1 GB by", value=moved.growth_mb, unit="MB", bar=50, at_least=False),
    ]


def _median_of(options: Options, case: Callable[[], Row]) -> Row:
    return median_row([case() for _ in range(options.rounds)])


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m loadtest.registry_bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="length of one round")
    given = parser.parse_args()
    options, console = Options(given.rounds, given.seconds), Console(soft_wrap=True)
    try:
        with tempfile.TemporaryDirectory(prefix="slipway-bench-") as name:
            rows, measures = against_stock(options, Path(name), console)
            print_table(console, rows, "mlflow")
            more_rows, more_measures = alone(options, Path(name), console)
    except (NotReady, OSError, subprocess.CalledProcessError) as error:
        console.print(f"[bold red]error:[/] {error}", highlight=False)
        return 2
    size_mb = sum(installed_bytes().values()) / 1e6
    measures += [*more_measures, Measure(case="installed size", value=size_mb, unit="MB", bar=120, at_least=False)]
    print_measures(console, measures)
    write_report(OUTPUT, rows + more_rows, measures)
    return int(not all(one.met for one in measures))


if __name__ == "__main__":
    sys.exit(main())
