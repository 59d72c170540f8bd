"""Experiments: make, find, rename, tag, delete and restore them."""

from collections.abc import Sequence

from registry.core.errors import Conflict, NotFound
from registry.core.tracking.runs import (
    Experiment,
    LifecycleStage,
    check_active,
    check_experiment_name,
    check_experiment_tags,
)
from registry.core.tracking.search import EXPERIMENTS, parse_filter, parse_orders
from registry.operations.workspace import Workspace
from registry.store.metadata import Connection
from registry.store.tracking import experiments, runs

MAX_ID_DIGITS = 9


def create_experiment(workspace: Workspace, name: str, tags: dict[str, str]) -> Experiment:
    """Make an experiment, whose artifacts the registry keeps.

    Raises:
        InvalidInput: the name is empty or too long, or a tag passes the limits.
        Conflict: the name is taken, perhaps by a deleted one.
    """
    check_experiment_name(name)
    check_experiment_tags(tags)
    with workspace.metadata.write() as tx:
        _check_free(tx, name)
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
    """Return one experiment, deleted or not. Raises NotFound."""
    with workspace.metadata.read() as tx:
        return get_experiment_within(tx, experiment_id)


def get_experiment_by_name(workspace: Workspace, name: str) -> Experiment:
    """Return one experiment, deleted or not. Raises NotFound."""
    with workspace.metadata.read() as tx:
        experiment = experiments.find_by_name(tx, name)
    if experiment is None:
        raise NotFound(f"Could not find experiment with name {name!r}", name=name)
    return experiment


def search_experiments(
    workspace: Workspace,
    *,
    stages: frozenset[LifecycleStage],
    filter: str,
    order_by: Sequence[str],
    limit: int,
    offset: int,
) -> tuple[list[Experiment], int | None]:
    """Return the experiments that a filter holds for, the newest first unless ordered otherwise.

    With them comes the offset of the next page, or None. Raises InvalidInput.
    """
    comparisons, orders = parse_filter(filter, EXPERIMENTS), parse_orders(order_by, EXPERIMENTS)
    with workspace.metadata.read() as tx:
        found = experiments.search(tx, stages, comparisons, orders, limit + 1, offset)
    return found[:limit], offset + limit if len(found) > limit else None


def rename_experiment(workspace: Workspace, experiment_id: str, name: str) -> None:
    """Give an experiment another name.

    Raises:
        NotFound: no such experiment.
        InvalidInput: it is deleted, or the name is not legal.
        Conflict: the name is taken.
    """
    check_experiment_name(name)
    with workspace.metadata.write() as tx:
        experiment = _get_active(tx, experiment_id)
        if experiment.name != name:
            _check_free(tx, name)
        experiments.rename(tx, experiment.id, name, workspace.now_ms())


def delete_experiment(workspace: Workspace, experiment_id: str) -> None:
    """Mark an experiment and its active runs deleted. Raises NotFound, also when it is deleted."""
    with workspace.metadata.write() as tx:
        experiment = get_experiment_within(tx, experiment_id, LifecycleStage.ACTIVE)
        now_ms = workspace.now_ms()
        experiments.set_stage(tx, experiment.id, LifecycleStage.DELETED, now_ms)
        runs.delete_of(tx, experiment.id, now_ms)


def restore_experiment(workspace: Workspace, experiment_id: str) -> None:
    """Mark a deleted experiment active, and the runs that were deleted with it. Raises NotFound."""
    with workspace.metadata.write() as tx:
        experiment = get_experiment_within(tx, experiment_id, LifecycleStage.DELETED)
        # Nothing changes a deleted experiment, so its last change is its deletion.
        runs.restore_of(tx, experiment.id, experiment.updated_ms)
        experiments.set_stage(tx, experiment.id, LifecycleStage.ACTIVE, workspace.now_ms())


def set_experiment_tag(workspace: Workspace, experiment_id: str, key: str, value: str) -> None:
    """Set a tag.

    Raises:
        NotFound: no such experiment.
        InvalidInput: it is deleted, or the tag passes the limits.
    """
    check_experiment_tags({key: value})
    with workspace.metadata.write() as tx:
        experiments.set_tags(tx, _get_active(tx, experiment_id).id, {key: value})


def delete_experiment_tag(workspace: Workspace, experiment_id: str, key: str) -> None:
    """Delete a tag.

    Raises:
        NotFound: no such experiment or tag.
        InvalidInput: the experiment is deleted.
    """
    with workspace.metadata.write() as tx:
        experiment = _get_active(tx, experiment_id)
        if not experiments.delete_tag(tx, experiment.id, key):
            raise NotFound(f"No tag with name: {key} in experiment with id {experiment_id}", key=key)


def get_experiment_within(tx: Connection, experiment_id: str, stage: LifecycleStage | None = None) -> Experiment:
    """Return an experiment inside the caller's transaction. Raises NotFound if there is none (in that stage)."""
    number = experiment_number(experiment_id)
    experiment = None if number is None else experiments.find(tx, number)
    if experiment is None or stage not in (None, experiment.lifecycle_stage):
        raise NotFound(f"No {stage or ''} Experiment with id={experiment_id} exists".replace("  ", " "))
    return experiment


def experiment_number(experiment_id: str) -> int | None:
    """Return the number that an experiment's id is, or None: there is no experiment of that id."""
    digits = experiment_id.isascii() and experiment_id.isdecimal() and len(experiment_id) <= MAX_ID_DIGITS
    return int(experiment_id) if digits else None


def _get_active(tx: Connection, experiment_id: str) -> Experiment:
    experiment = get_experiment_within(tx, experiment_id)
    check_active("experiment", experiment_id, experiment.lifecycle_stage)
    return experiment


def _check_free(tx: Connection, name: str) -> None:
    taken = experiments.find_by_name(tx, name)
    if taken is None:
        return
    if taken.lifecycle_stage is LifecycleStage.DELETED:
        raise Conflict(
            f"Experiment(name={name}) already exists in deleted state. Restore experiment {taken.id}, or choose "
            "another name.",
            name=name,
        )
    raise Conflict(f"Experiment(name={name}) already exists.", name=name)
