"""Runs for people: looked up by part of their id, listed, and compared."""

from collections.abc import Sequence

import msgspec

from registry.core.errors import InvalidInput, NotFound
from registry.core.models import ModelFile
from registry.core.run_views import FileDifference, RunDetails, RunDiff, RunSummary, differences, patch, summarize
from registry.core.runs import LifecycleStage, Run
from registry.operations import run_search
from registry.operations.experiments import get_experiment, get_experiment_by_name, search_experiments
from registry.operations.tracking import get_run_within
from registry.operations.workspace import Workspace
from registry.store import artifacts, runs
from registry.store.metadata import Connection

LEAST_PREFIX = 4
MAX_PATCHED_BYTES = 64 << 10  # of each side; a larger file is only said to differ
MAX_PATCHES = 20


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
    """Return a run with its files, by its id or the beginning of it.

    Raises:
        NotFound: no such run.
        InvalidInput: several runs begin so, or fewer than four characters are given.
    """
    with workspace.metadata.read() as tx:
        run = _find(tx, run_id)
        files = artifacts.below(tx, run.id, "")
    summary = summarize(run, get_experiment(workspace, str(run.experiment_id)).name)
    return RunDetails(**msgspec.structs.asdict(summary), files=files)


def compare(workspace: Workspace, first: str, second: str) -> RunDiff:
    """Return what differs between two runs. Raises as ``get_details``."""
    with workspace.metadata.read() as tx:
        a, b = _find(tx, first), _find(tx, second)
        files_a = {file.path: file for file in artifacts.below(tx, a.id, "")}
        files_b = {file.path: file for file in artifacts.below(tx, b.id, "")}
    left, right = summarize(a, ""), summarize(b, "")
    return RunDiff(
        a=a.id,
        b=b.id,
        params=differences({**left.params}, {**right.params}),
        metrics=differences(left.metrics, right.metrics),
        tags=differences({**left.tags}, {**right.tags}),
        files=_compare_files(workspace, files_a, files_b),
    )


def _compare_files(workspace: Workspace, a: dict[str, ModelFile], b: dict[str, ModelFile]) -> list[FileDifference]:
    found: list[FileDifference] = []
    patches = 0
    for path in sorted({*a, *b}):
        left, right = a.get(path), b.get(path)
        if left and right and left.sha256 == right.sha256:
            continue
        text = ""
        if patches < MAX_PATCHES and max(file.size for file in (left, right) if file) <= MAX_PATCHED_BYTES:
            text = patch(path, _text(workspace, left), _text(workspace, right))
            patches += bool(text)
        found.append(
            FileDifference(path=path, a=left.sha256 if left else None, b=right.sha256 if right else None, patch=text)
        )
    return found


def _text(workspace: Workspace, file: ModelFile | None) -> str:
    """Return a file's text; "" if there is none, or it is no text."""
    if file is None:
        return ""
    content = workspace.blobs.get(f"sha256:{file.sha256}")
    try:
        return "" if b"\0" in content else content.decode()
    except UnicodeDecodeError:
        return ""


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


def _find(tx: Connection, run_id: str) -> Run:
    if runs.exists(tx, run_id):
        return get_run_within(tx, run_id)
    if len(run_id) < LEAST_PREFIX:
        raise InvalidInput(f"{run_id!r} is too short: give at least {LEAST_PREFIX} characters of the run's id")
    ids = runs.begin_with(tx, run_id, 2)
    if len(ids) > 1:
        raise InvalidInput(f"several runs begin with {run_id!r}: give more of the id", run_id=run_id)
    if not ids:
        raise NotFound(f"there is no run {run_id!r}: `slipway run list` shows what there is", run_id=run_id)
    return get_run_within(tx, ids[0])
