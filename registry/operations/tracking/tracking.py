"""Runs: what a training script tells while it runs."""

from msgspec.structs import replace

from registry.core.errors import InvalidInput, NotFound
from registry.core.tracking.runs import (
    MAX_RUN_NAME,
    RUN_NAME_TAG,
    LifecycleStage,
    Metric,
    Run,
    RunStatus,
    check_active,
    check_batch,
    check_first_tags,
    check_same_params,
    check_user_id,
    cut_params,
    cut_tags,
)
from registry.operations.tracking.experiments import get_experiment_within
from registry.operations.workspace import Workspace
from registry.store.metadata import Connection
from registry.store.tracking import metrics as metric_rows
from registry.store.tracking import runs

USER_TAG = "mlflow.user"


def create_run(
    workspace: Workspace, experiment_id: str, *, name: str, user_id: str, started_ms: int | None, tags: dict[str, str]
) -> Run:
    """Start a run. Its name is the given one, else the tag's, else made of its id.

    Raises:
        NotFound: no such experiment.
        InvalidInput: a key or user's name passes MLflow's limits, name and tag differ, or the experiment is deleted.
    """
    check_first_tags(tags)
    _check_same_name(name, tags.get(RUN_NAME_TAG, ""))
    run_id = workspace.new_id()
    name = (name or tags.get(RUN_NAME_TAG) or f"run-{run_id[:8]}")[:MAX_RUN_NAME]
    user_id = user_id or tags.get(USER_TAG, "")
    check_user_id(user_id)
    with workspace.metadata.write() as tx:
        experiment = get_experiment_within(tx, experiment_id)
        check_active("experiment", experiment_id, experiment.lifecycle_stage)
        run = Run(
            id=run_id,
            experiment_id=experiment.id,
            name=name,
            user_id=user_id,
            status=RunStatus.RUNNING,
            lifecycle_stage=LifecycleStage.ACTIVE,
            artifact_uri=f"{experiment.artifact_location}/{run_id}/artifacts",
            started_ms=workspace.now_ms() if started_ms is None else started_ms,
            ended_ms=None,
            tags=dict(sorted({**cut_tags(tags), RUN_NAME_TAG: name}.items())),
        )
        runs.put(tx, run)
        runs.set_tags(tx, run_id, run.experiment_id, run.tags)
    return run


def update_run(
    workspace: Workspace, run_id: str, *, status: RunStatus | None, ended_ms: int | None, name: str | None
) -> Run:
    """Change a run's status, end or name.

    Raises:
        NotFound: no such run.
        InvalidInput: it is deleted.
    """
    name = (name or "")[:MAX_RUN_NAME]
    with workspace.metadata.write() as tx:
        run = get_run_within(tx, run_id)
        check_active("run", run_id, run.lifecycle_stage)
        changed = replace(
            run,
            status=status or run.status,
            ended_ms=run.ended_ms if ended_ms is None else ended_ms,
            name=name or run.name,
            tags=dict(sorted({**run.tags, RUN_NAME_TAG: name}.items())) if name else run.tags,
        )
        runs.put(tx, changed)
        if name:
            runs.set_tags(tx, run_id, run.experiment_id, {RUN_NAME_TAG: name})
    return changed


async def log_batch(
    workspace: Workspace, run_id: str, metrics: list[Metric], params: dict[str, str], tags: dict[str, str]
) -> None:
    """Log all of it, or none; return when it is committed, perhaps together with what others log. Long values are cut.

    Raises:
        NotFound: no such run.
        InvalidInput: MLflow's limits are passed, the run is deleted, or a param is there with another value.
    """
    check_batch(metrics, params, tags)
    params, tags = cut_params(params), cut_tags(tags)
    await workspace.metadata.write_soon(lambda tx: _log(tx, run_id, metrics, params, tags))


def _log(tx: Connection, run_id: str, metrics: list[Metric], params: dict[str, str], tags: dict[str, str]) -> None:
    experiment_id = check_writable(tx, run_id)
    if params:
        check_same_params(run_id, runs.params_of(tx, run_id, params), params)
    runs.add_params(tx, run_id, experiment_id, params)
    runs.add_metrics(tx, run_id, experiment_id, metrics)
    metric_rows.add_of_models(tx, run_id, metrics)
    runs.set_tags(tx, run_id, experiment_id, tags)
    if RUN_NAME_TAG in tags:
        runs.put(tx, replace(get_run_within(tx, run_id), name=tags[RUN_NAME_TAG]))


def delete_tag(workspace: Workspace, run_id: str, key: str) -> None:
    """Delete a run's tag.

    Raises:
        NotFound: no such run or tag.
        InvalidInput: the run is deleted.
    """
    with workspace.metadata.write() as tx:
        check_writable(tx, run_id)
        if not runs.delete_tag(tx, run_id, key):
            raise NotFound(f"No tag with name: {key} in run with id {run_id}", run_id=run_id, key=key)


def delete_run(workspace: Workspace, run_id: str) -> None:
    """Mark a run deleted; it and its files stay until they are purged. Raises NotFound."""
    with workspace.metadata.write() as tx:
        if _stage_of(tx, run_id)[1] is LifecycleStage.ACTIVE:
            runs.set_deleted(tx, run_id, workspace.now_ms())


def restore_run(workspace: Workspace, run_id: str) -> None:
    """Mark a run active again. Raises NotFound."""
    with workspace.metadata.write() as tx:
        _stage_of(tx, run_id)
        runs.set_deleted(tx, run_id, None)


def get_run(workspace: Workspace, run_id: str) -> Run:
    """Return a run with the latest of what it logged. Raises NotFound."""
    with workspace.metadata.read() as tx:
        return get_run_within(tx, run_id)


def get_run_within(tx: Connection, run_id: str) -> Run:
    """Return a run inside the caller's transaction. Raises NotFound."""
    run = runs.find(tx, run_id)
    if run is None:
        raise _no_run(run_id)
    return run


def check_exists(tx: Connection, run_id: str) -> None:
    """Raise NotFound if there is no such run."""
    _stage_of(tx, run_id)


def check_writable(tx: Connection, run_id: str) -> int:
    """Return the experiment of a run that can be changed.

    Raises:
        NotFound: no such run.
        InvalidInput: it is deleted.
    """
    experiment_id, stage = _stage_of(tx, run_id)
    check_active("run", run_id, stage)
    return experiment_id


def _stage_of(tx: Connection, run_id: str) -> tuple[int, LifecycleStage]:
    found = runs.stage_of(tx, run_id)
    if found is None:
        raise _no_run(run_id)
    return found


def _check_same_name(name: str, tag: str) -> None:
    if name and tag and name != tag:
        raise InvalidInput(
            f"Both 'run_name' argument and '{RUN_NAME_TAG}' tag are specified, but with different values "
            f"(run_name={name!r}, {RUN_NAME_TAG}={tag!r})."
        )


def _no_run(run_id: str) -> NotFound:
    return NotFound(f"Run with id={run_id} not found", run_id=run_id)
