"""Find a run by its id, or by the beginning of it."""

from registry.core.errors import InvalidInput, NotFound
from registry.core.tracking.runs import Run
from registry.operations.tracking.tracking import get_run_within
from registry.store.metadata import Connection
from registry.store.tracking import runs

LEAST_PREFIX = 4


def find_run(tx: Connection, run_id: str) -> Run:
    """Return a run, deleted or not.

    Raises:
        NotFound: no such run.
        InvalidInput: several runs begin so, or fewer than four characters are given.
    """
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
