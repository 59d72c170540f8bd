"""Find runs, and the datasets that they used."""

from collections.abc import Iterable, Sequence

from registry.core.errors import InvalidInput
from registry.core.tracking.datasets import DatasetSummary
from registry.core.tracking.runs import LifecycleStage, Run
from registry.core.tracking.search import RUNS, parse_filter, parse_orders
from registry.operations.tracking.experiments import experiment_number
from registry.operations.workspace import Workspace
from registry.store.tracking import datasets, run_search

MAX_EXPERIMENTS = 20_000  # what SQLite takes in one list
MAX_SUMMARIES = 1000


def search_runs(
    workspace: Workspace,
    experiment_ids: Sequence[str],
    *,
    stages: frozenset[LifecycleStage],
    filter: str,
    order_by: Sequence[str],
    limit: int,
    offset: int,
) -> tuple[list[Run], int | None]:
    """Return the runs of experiments that a filter holds for, the newest first unless ordered otherwise.

    With them comes the offset of the next page, or None. An experiment that does not exist has no runs.

    Raises:
        InvalidInput: the filter or an order cannot be read, or there are too many experiments.
    """
    comparisons, orders = parse_filter(filter, RUNS), parse_orders(order_by, RUNS)
    scope = run_search.Scope(_numbers(experiment_ids), stages)
    with workspace.metadata.read() as tx:
        found = run_search.search(tx, scope, comparisons, orders, limit + 1, offset)
    return found[:limit], offset + limit if len(found) > limit else None


def search_datasets(workspace: Workspace, experiment_ids: Sequence[str]) -> list[DatasetSummary]:
    """Return what datasets the runs of experiments used, up to 1,000. Raises InvalidInput."""
    with workspace.metadata.read() as tx:
        return datasets.summaries(tx, _numbers(experiment_ids), MAX_SUMMARIES)


def _numbers(experiment_ids: Iterable[str]) -> list[int]:
    numbers = {experiment_number(text) for text in experiment_ids} - {None}
    if len(numbers) > MAX_EXPERIMENTS:
        raise InvalidInput(f"Invalid value for parameter 'experiment_ids': at most {MAX_EXPERIMENTS} at once")
    return sorted(number for number in numbers if number is not None)
