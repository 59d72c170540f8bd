"""Experiments and runs: what a training script tells while it runs."""

from msgspec.structs import replace

from registry.core.errors import Conflict, InvalidInput, NotFound
from registry.core.runs import (
    MAX_EXPERIMENT_NAME,
    Experiment,
    LifecycleStage,
    Metric,
    Run,
    RunStatus,
    check_batch,
    check_same_params,
)
from registry.operations.workspace import Workspace
from registry.store import experiments, runs
from registry.store.metadata import Connection

RUN_NAME_TAG = "mlflow.runName"
USER_TAG = "mlflow.user"
PAGE_RUNS = 1000


def create_experiment(workspace: Workspace, name: str, tags: dict[str, str]) -> Experiment:
    """Make an experiment, whose artifacts the registry keeps.

    Raises:
        InvalidInput: the name is empty or too long.
        Conflict: the name is taken.
    """
    if not name.strip() or len(name) > MAX_EXPERIMENT_NAME:
        raise InvalidInput(f"Invalid experiment name: use 1 to {MAX_EXPERIMENT_NAME} characters")
    with workspace.metadata.write() as tx:
        if experiments.find_by_name(tx, name) is not None:
            raise Conflict(f"Experiment(name={name}) already exists.", name=name)
        number, now_ms = experiments.next_id(tx), workspace.now_ms()
        experiment = Experiment(
            id=number,
            name=name,
            artifact_location=f"mlflow-artifacts:/{number}",
            lifecycle_stage=LifecycleStage.ACTIVE,
            created_ms=now_ms,
            updated_ms=now_ms,
            tags=tags,
        )
        experiments.insert(tx, experiment)
    return experiment


def get_experiment(workspace: Workspace, experiment_id: str) -> Experiment:
    """Return one experiment. Raises NotFound."""
    with workspace.metadata.read() as tx:
        return get_experiment_within(tx, experiment_id)


def get_experiment_by_name(workspace: Workspace, name: str) -> Experiment:
    """Return one experiment. Raises NotFound."""
    with workspace.metadata.read() as tx:
        experiment = experiments.find_by_name(tx, name)
    if experiment is None:
        raise NotFound(f"Could not find experiment with name {name!r}", name=name)
    return experiment


def create_run(
    workspace: Workspace, experiment_id: str, *, name: str, user_id: str, started_ms: int | None, tags: dict[str, str]
) -> Run:
    """Start a run. Its name is the given one, else the tag's, else made of its id.

    Raises:
        NotFound: no such experiment.
        InvalidInput: a tag passes MLflow's limits.
    """
    check_batch([], {}, tags)
    run_id = workspace.new_id()
    name = name or tags.get(RUN_NAME_TAG) or f"run-{run_id[:8]}"
    with workspace.metadata.write() as tx:
        experiment = get_experiment_within(tx, experiment_id)
        run = Run(
            id=run_id,
            experiment_id=experiment.id,
            name=name,
            user_id=user_id or tags.get(USER_TAG, ""),
            status=RunStatus.RUNNING,
            lifecycle_stage=LifecycleStage.ACTIVE,
            artifact_uri=f"{experiment.artifact_location}/{run_id}/artifacts",
            started_ms=workspace.now_ms() if started_ms is None else started_ms,
            ended_ms=None,
        )
        runs.put(tx, run)
        runs.set_tags(tx, run_id, {**tags, RUN_NAME_TAG: name})
        return get_run_within(tx, run_id)


def update_run(
    workspace: Workspace, run_id: str, *, status: RunStatus | None, ended_ms: int | None, name: str | None
) -> Run:
    """Change a run's status, end or name. Raises NotFound."""
    with workspace.metadata.write() as tx:
        run = get_run_within(tx, run_id)
        changed = replace(
            run,
            status=status or run.status,
            ended_ms=run.ended_ms if ended_ms is None else ended_ms,
            name=name or run.name,
        )
        runs.put(tx, changed)
        if name:
            runs.set_tags(tx, run_id, {RUN_NAME_TAG: name})
        return get_run_within(tx, run_id)


def log_batch(
    workspace: Workspace, run_id: str, metrics: list[Metric], params: dict[str, str], tags: dict[str, str]
) -> None:
    """Log all of it, or none.

    Raises:
        NotFound: no such run.
        InvalidInput: MLflow's limits are passed, or a param is there with another value.
    """
    check_batch(metrics, params, tags)
    with workspace.metadata.write() as tx:
        experiment_id = runs.experiment_of(tx, run_id)
        if experiment_id is None:
            raise _no_run(run_id)
        if params:
            check_same_params(run_id, runs.params_of(tx, run_id, params), params)
        runs.add_params(tx, run_id, params)
        runs.add_metrics(tx, run_id, experiment_id, metrics)
        runs.set_tags(tx, run_id, tags)
        if tags.get(RUN_NAME_TAG):
            runs.put(tx, replace(get_run_within(tx, run_id), name=tags[RUN_NAME_TAG]))


def get_run(workspace: Workspace, run_id: str) -> Run:
    """Return a run with the latest of what it logged. Raises NotFound."""
    with workspace.metadata.read() as tx:
        return get_run_within(tx, run_id)


def search_runs(
    workspace: Workspace, experiment_ids: list[str], stages: set[LifecycleStage], limit: int, offset: int
) -> tuple[list[Run], int | None]:
    """Return runs of experiments, the newest first, and the offset of the next page if there is one."""
    known = [int(text) for text in experiment_ids if text.isascii() and text.isdecimal() and len(text) < 10]
    limit = min(limit, PAGE_RUNS)
    with workspace.metadata.read() as tx:
        found = runs.search(tx, known, stages, limit + 1, offset)
    return found[:limit], offset + limit if len(found) > limit else None


def get_run_within(tx: Connection, run_id: str) -> Run:
    """Return a run inside the caller's transaction. Raises NotFound."""
    run = runs.find(tx, run_id)
    if run is None:
        raise _no_run(run_id)
    return run


def get_experiment_within(tx: Connection, experiment_id: str) -> Experiment:
    """Return an experiment inside the caller's transaction. Raises NotFound."""
    numeric = experiment_id.isascii() and experiment_id.isdecimal() and len(experiment_id) < 10
    experiment = experiments.find(tx, int(experiment_id)) if numeric else None
    if experiment is None:
        raise NotFound(f"No Experiment with id={experiment_id} exists", experiment_id=experiment_id)
    return experiment


def _no_run(run_id: str) -> NotFound:
    return NotFound(f"Run with id={run_id} not found", run_id=run_id)
