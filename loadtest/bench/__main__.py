"""The benchmark: interleaved rounds of every subject, then the ratio that must not be exceeded.

Exit codes: 0 the bar is met, 1 it is not, 2 a subject could not be started or a request failed.
"""

import argparse
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from loadtest.bench.doors import doors_of
from loadtest.bench.measure import measure
from loadtest.bench.model import train
from loadtest.bench.report import Row, median_row, paired_ratio, print_table, write_report
from loadtest.bench.subject import NotReady, Subject, free_port, raw_server
from loadtest.bench.workspace import slipway_workspace
from loadtest.demo.command import CommandFailed

BAR = 2.8
PEER = "raw"
WARM_UP_S = 2.0


def run_rounds(subjects: list[Subject], options: argparse.Namespace, console: Console) -> list[list[Row]]:
    """Measure every subject in every round, one after the other; return the rounds of each."""
    rows: list[list[Row]] = [[] for _ in subjects]
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("measuring", total=(options.rounds + 1) * len(subjects))
        for number in range(options.rounds + 1):
            for subject, its_rows in zip(subjects, rows, strict=True):
                what = f"{subject.name} {subject.case}"
                progress.update(task, description=f"round {number}: {what}" if number else "warming up")
                row = measure(subject, options.connections, options.seconds if number else WARM_UP_S)
                if number:
                    its_rows.append(row)
                progress.advance(task)
    return rows


def run(options: argparse.Namespace, console: Console) -> int:
    with ExitStack() as stack:
        model_path = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "model.onnx"
        with console.status("training the model"):
            body = train(model_path)
        subjects = [stack.enter_context(raw_server(PEER, model_path, body))]
        with console.status("starting what is measured"):
            grpc_port = free_port()
            other = (
                raw_server("raw again", model_path, body)
                if options.aa
                else slipway_workspace(model_path, body, grpc_port)
            )
            subjects.append(stack.enter_context(other))
            if options.doors:
                subjects += doors_of(subjects[1], grpc_port)
        rounds = run_rounds(subjects, options, console)
    rows = [median_row(its_rounds) for its_rounds in (*rounds[1:], rounds[0])]
    print_table(console, rows, PEER)
    ratio = paired_ratio(rounds[1], rounds[0])
    met = ratio <= BAR
    if not options.aa:
        write_report(options.output, rows)
    console.print(
        f"{subjects[1].name} ÷ {PEER}: [bold]{ratio:.2f}[/] (median of {options.rounds} interleaved rounds); "
        + ("noise of this machine" if options.aa else f"the bar of {BAR} is {'met' if met else '[red]not met[/]'}"),
        highlight=False,
    )
    return 0 if met else 1


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m loadtest.bench", description=__doc__)
    parser.add_argument("--aa", action="store_true", help="measure the hand-written server against itself: the noise")
    parser.add_argument("--doors", action="store_true", help="measure the other protocols' doors too")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0, help="length of one round")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--output", type=Path, default=Path("build/bench.json"))
    options = parser.parse_args()
    console = Console(soft_wrap=True)
    try:
        return run(options, console)
    except (NotReady, CommandFailed) as error:
        console.print(f"[bold red]error:[/] {error}", highlight=False)
        return 2


if __name__ == "__main__":
    sys.exit(main())
