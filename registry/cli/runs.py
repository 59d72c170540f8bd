"""``slipway run``."""

from collections.abc import Callable

import typer

from registry.cli.context import URL_OPTION, connect
from registry.cli.output import OUTPUT_OPTION, OutputFormat, console, print_json, print_record, print_rows, table, when
from registry.core.run_views import FileDifference, Number, RunDiff, RunSummary

RUN_ARGUMENT = typer.Argument(..., metavar="RUN", help="The run's id, or at least four characters of its beginning.")
MOST_VALUES = 3  # in a list; all of them are in `run show`


def list_runs(
    experiment: str | None = typer.Option(None, "--experiment", "-e", help="The experiment's name; default: all."),
    filter: str = typer.Option("", help="MLflow's filter: \"metrics.acc > 0.9 and params.lr = '0.1'\""),
    order_by: list[str] = typer.Option([], help='MLflow\'s order: "metrics.acc DESC"; may be repeated.'),
    limit: int = typer.Option(20, "-n", min=1, max=1000, help="How many at most."),
    output: OutputFormat = OUTPUT_OPTION,
    url: str | None = URL_OPTION,
) -> None:
    """List runs, the newest first.

    Example: slipway run list --filter "metrics.accuracy > 0.9" --order-by "metrics.accuracy DESC"
    """
    columns: dict[str, Callable[[RunSummary], str]] = {
        "run": lambda run: run.id[:12],
        "name": lambda run: run.name,
        "experiment": lambda run: run.experiment,
        "status": lambda run: run.status,
        "started": lambda run: when(run.started_ms),
        "metrics": lambda run: _some({key: _number(value) for key, value in run.metrics.items()}),
        "params": lambda run: _some(run.params),
    }
    found = connect(url).runs.list(experiment, filter, order_by, limit)
    print_rows(found, columns, output, empty="no runs")


def show(run: str = RUN_ARGUMENT, output: OutputFormat = OUTPUT_OPTION, url: str | None = URL_OPTION) -> None:
    """Show a run: what it logged, and its files.

    Example: slipway run show 3f2a
    """
    found = connect(url).runs.get(run)
    ended = when(found.ended_ms) if found.ended_ms else "-"
    fields = {
        "run": found.id,
        "name": found.name,
        "experiment": found.experiment,
        "status": f"{found.status}, {found.lifecycle_stage}",
        "by": found.user or "-",
        "started, ended": f"{when(found.started_ms)}, {ended}",
        **{f"metric {key}": _number(value) for key, value in found.metrics.items()},
        **{f"param {key}": value for key, value in found.params.items()},
        **{f"tag {key}": value for key, value in found.tags.items()},
        **{f"file {file.path}": f"{file.size:,} bytes" for file in found.files},
    }
    print_record(found, fields, output)


def diff(
    a: str = typer.Argument(..., metavar="A", help="A run's id, or its beginning."),
    b: str = typer.Argument(..., metavar="B", help="Another's."),
    output: OutputFormat = OUTPUT_OPTION,
    url: str | None = URL_OPTION,
) -> None:
    """Compare two runs: params, metrics, tags (with the code's commit) and files (code, environment), as a diff.

    Example: slipway run diff 3f2a 81bc
    """
    found = connect(url).runs.diff(a, b)
    if output is OutputFormat.JSON:
        print_json(found)
        return
    rows = [
        [f"{kind} {one.key}", _cell(one.a), _cell(one.b)]
        for kind, values in (("param", found.params), ("metric", found.metrics), ("tag", found.tags))
        for one in values
    ]
    rows += [[f"file {one.path}", *_presence(one)] for one in found.files]
    if not rows:
        console.print("nothing differs")
        return
    console.print(table(["", found.a[:12], found.b[:12]], rows))
    _print_patches(found)


def delete(run: str = RUN_ARGUMENT, url: str | None = URL_OPTION) -> None:
    """Mark a run deleted. It can be restored until it is purged.

    Example: slipway run delete 3f2a
    """
    connect(url).runs.delete(run)
    console.print(f"run {run} deleted; `slipway run restore {run}` brings it back", highlight=False, markup=False)


def restore(run: str = RUN_ARGUMENT, url: str | None = URL_OPTION) -> None:
    """Make a deleted run active again.

    Example: slipway run restore 3f2a
    """
    client = connect(url)
    client.runs.restore(client.runs.get(run).id)
    console.print(f"run {run} restored", highlight=False, markup=False)


def _print_patches(found: RunDiff) -> None:
    for one in found.files:
        if one.patch:
            console.print()
            console.print(one.patch, highlight=False, markup=False)


def _presence(one: FileDifference) -> tuple[str, str]:
    return (one.a[:12] if one.a else "-", one.b[:12] if one.b else "-")


def _cell(value: Number | None) -> str:
    return "-" if value is None else _number(value)


def _number(value: Number) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _some(values: dict[str, str]) -> str:
    shown = [f"{key}={value}" for key, value in list(values.items())[:MOST_VALUES]]
    return " ".join([*shown, "…"] if len(values) > MOST_VALUES else shown)
