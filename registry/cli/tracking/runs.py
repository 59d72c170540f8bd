"""``slipway run``."""

from collections.abc import Callable

import typer

from registry.cli.context import URL_OPTION, connect
from registry.cli.modelling.lineage import version_line
from registry.cli.names import RUN_ARGUMENT
from registry.cli.output import OUTPUT_OPTION, OutputFormat, number, print_done, print_record, print_rows, when
from registry.cli.tracking.run_code import code_fields, dataset_line
from registry.core.tracking.run_views import RunSummary

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
        "metrics": lambda run: _some({key: number(value) for key, value in run.metrics.items()}),
        "params": lambda run: _some(run.params),
    }
    found = connect(url).runs.list(experiment, filter, order_by, limit)
    print_rows(found, columns, output, empty="no runs")


def show(run: str = RUN_ARGUMENT, output: OutputFormat = OUTPUT_OPTION, url: str | None = URL_OPTION) -> None:
    """Show a run: what it logged, what it was made from, what came of it, and its files.

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
        **{f"metric {key}": number(value) for key, value in found.metrics.items()},
        **{f"param {key}": value for key, value in found.params.items()},
        **{f"tag {key}": value for key, value in found.tags.items()},
        **code_fields(found.code),
        **{f"dataset {one.name}": dataset_line(one) for one in found.datasets},
        **{f"made {one.name}:{one.version}": version_line(one) for one in found.made},
        **{f"file {file.path}": f"{file.size:,} bytes" for file in found.files},
    }
    print_record(found, fields, output)


def delete(run: str = RUN_ARGUMENT, output: OutputFormat = OUTPUT_OPTION, url: str | None = URL_OPTION) -> None:
    """Mark a run deleted. It can be restored until it is purged.

    Example: slipway run delete 3f2a
    """
    client = connect(url)
    found = client.runs.get(run).id
    client.runs.delete(found)
    print_done(f"run {run} deleted; `slipway run restore {run}` brings it back", {"deleted": found}, output)


def restore(run: str = RUN_ARGUMENT, output: OutputFormat = OUTPUT_OPTION, url: str | None = URL_OPTION) -> None:
    """Make a deleted run active again.

    Example: slipway run restore 3f2a
    """
    client = connect(url)
    found = client.runs.get(run).id
    client.runs.restore(found)
    print_done(f"run {run} restored", client.runs.get(found), output)


def _some(values: dict[str, str]) -> str:
    shown = [f"{key}={value}" for key, value in list(values.items())[:MOST_VALUES]]
    return " ".join([*shown, "…"] if len(values) > MOST_VALUES else shown)
