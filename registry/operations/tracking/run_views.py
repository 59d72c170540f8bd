"""Runs for people: looked up by part of their id, and listed. Comparing two is in ``run_diff.py``."""

from collections.abc import Sequence

import msgspec

from registry.core.tracking.datasets import read_dataset
from registry.core.tracking.run_views import RunDetails, RunSummary, summarize
from registry.core.tracking.runs import LifecycleStage
from registry.operations.modelling.lineage import made_by
from registry.operations.tracking import run_search
from registry.operations.tracking.experiments import get_experiment, get_experiment_by_name, search_experiments
from registry.operations.tracking.run_code import complete, files_beside_models
from registry.operations.tracking.run_lookup import find_run
from registry.operations.workspace import Workspace
from registry.store.tracking import artifacts, run_code


def list_runs(
    workspace: Workspace, experiment: str | None, filter: str, order_by: Sequence[str], limit: int
) -> list[RunSummary]:
    """Return active runs, of an experiment by its name or of all, in MLflow's filter and order.

    Raises:
        NotFound: no such experiment.
        InvalidInput: the filter or an order cannot be read.
    """
    names = _experiments(workspace, experiment)
    found, _ = run_search.search_runs(
        workspace,
        list(names),
        stages=frozenset({LifecycleStage.ACTIVE}),
        filter=filter,
        order_by=order_by,
        limit=limit,
        offset=0,
    )
    return [summarize(run, names[str(run.experiment_id)]) for run in found]


def get_details(workspace: Workspace, run_id: str) -> RunDetails:
    """Return a run with its files, code, environment and datasets, by its id or the beginning of it.

    Raises:
        NotFound: no such run.
        InvalidInput: several runs begin so, or fewer than four characters are given.
    """
    with workspace.metadata.read() as tx:
        run = find_run(tx, run_id)
        files = artifacts.below(tx, run.id, "")
        recorded, described = run_code.find(tx, run.id), files_beside_models(tx, run.id)
        made = made_by(tx, [run.id])[run.id]
    summary = summarize(run, get_experiment(workspace, str(run.experiment_id)).name)
    code = complete(workspace.blobs, run.tags, recorded, described)
    datasets = [read_dataset(one) for one in run.dataset_inputs]
    return RunDetails(**msgspec.structs.asdict(summary), files=files, code=code, datasets=datasets, made=made)


def _experiments(workspace: Workspace, name: str | None) -> dict[str, str]:
    """Return number → name of the experiments that are meant."""
    if name is not None:
        one = get_experiment_by_name(workspace, name)
        return {str(one.id): one.name}
    found, _ = search_experiments(
        workspace,
        stages=frozenset({LifecycleStage.ACTIVE}),
        filter="",
        order_by=[],
        limit=run_search.MAX_EXPERIMENTS,
        offset=0,
    )
    return {str(one.id): one.name for one in found}
