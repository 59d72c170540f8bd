"""Histories of metrics: whole, page by page, or sampled for a chart."""

from collections.abc import Sequence

from registry.core.errors import InvalidInput
from registry.core.tracking.runs import Metric
from registry.operations.tracking.tracking import check_exists
from registry.operations.workspace import Workspace
from registry.store.metadata import Connection
from registry.store.tracking import metrics

MAX_RUNS = 100
MAX_POINTS = 25_000
MAX_SAMPLED = 2500
MIN_STEP, MAX_STEP = -(2**63), 2**63 - 1

RunHistory = tuple[str, list[Metric]]


def get_history(
    workspace: Workspace, run_id: str, key: str, limit: int, offset: int
) -> tuple[list[Metric], int | None]:
    """Return points of a metric by step, then by time, and the offset of the next page or None. Raises NotFound."""
    with workspace.metadata.read() as tx:
        check_exists(tx, run_id)
        found = metrics.history(tx, run_id, key, limit + 1, offset)
    return found[:limit], offset + limit if len(found) > limit else None


def get_histories(workspace: Workspace, run_ids: Sequence[str], key: str, limit: int) -> list[RunHistory]:
    """Return the points of one metric in several runs, up to ``limit`` in all.

    Raises:
        InvalidInput: no run, or more than 100.
        NotFound: no such run.
    """
    _check_runs(run_ids)
    histories: list[RunHistory] = []
    with workspace.metadata.read() as tx:
        for run_id in run_ids:
            check_exists(tx, run_id)
            points = metrics.history(tx, run_id, key, limit) if limit else []
            histories.append((run_id, points))
            limit -= len(points)
    return histories


def sample_histories(
    workspace: Workspace, run_ids: Sequence[str], key: str, steps: tuple[int, int] | None, count: int
) -> list[RunHistory]:
    """Return up to ``count`` points of one metric in each run, at the same evenly spaced steps in all.

    Each run's first and last point between the steps are among them. What a run's history holds in between is sought
    in the index, so that a long one costs no more than a short one.

    Raises:
        InvalidInput: no run, or more than 100; the steps are in the wrong order.
        NotFound: no such run.
    """
    _check_runs(run_ids)
    low, high = steps or (MIN_STEP, MAX_STEP)
    if low > high:
        raise InvalidInput(f"end_step must not be less than start_step. Found start_step={low} and end_step={high}.")
    with workspace.metadata.read() as tx:
        for run_id in run_ids:
            check_exists(tx, run_id)
        ranges = {run_id: metrics.range_of(tx, run_id, key, low, high) for run_id in run_ids}
        known = [one for one in ranges.values() if one is not None]
        if not known:
            return [(run_id, []) for run_id in ranges]
        low, high = min(first for first, _ in known), max(last for _, last in known)
        return [(run_id, _sample(tx, run_id, key, low, high, count)) for run_id in ranges]


def _sample(tx: Connection, run_id: str, key: str, low: int, high: int, count: int) -> list[Metric]:
    few = metrics.between(tx, run_id, key, low, high, count + 1)
    if len(few) <= count:
        return few
    last = metrics.range_of(tx, run_id, key, few[0].step, high)
    assert last is not None
    if few[0].step == last[1]:
        return _thin(metrics.sample_times(tx, run_id, key, few[0].step, count), count)
    stride = metrics.stride_of(low, high, count)
    sampled = metrics.sample_steps(tx, run_id, key, low, high, stride)
    return _thin([few[0], *sampled, *metrics.between(tx, run_id, key, last[1], high, 1)], count)


def _thin(points: Sequence[Metric], count: int) -> list[Metric]:
    """Keep one point of each step and time, at most ``count``, the first and the last among them."""
    kept = list({(point.step, point.timestamp_ms): point for point in points}.values())
    return kept if len(kept) <= count else [*kept[: count - 1], kept[-1]]


def _check_runs(run_ids: Sequence[str]) -> None:
    if not run_ids:
        raise InvalidInput("Missing value for required parameter 'run_ids': name at least one run.")
    if len(run_ids) > MAX_RUNS:
        raise InvalidInput(f"At most {MAX_RUNS} run_ids can be asked at once, not {len(run_ids)}.")
