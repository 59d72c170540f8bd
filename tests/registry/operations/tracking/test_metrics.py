import asyncio
from collections.abc import Callable
from itertools import pairwise

import pytest
import sqlalchemy as sa

from registry.core.errors import InvalidInput, NotFound
from registry.core.tracking.runs import Metric
from registry.operations.tracking.metrics import MAX_STEP, MIN_STEP, get_histories, get_history, sample_histories
from registry.operations.tracking.tracking import create_run, log_batch
from registry.operations.workspace import Workspace
from registry.store.schema import metrics


@pytest.fixture
def run_id(workspace: Workspace) -> str:
    return _run(workspace)


def _run(workspace: Workspace) -> str:
    return create_run(workspace, "0", name="", user_id="", started_ms=1, tags={}).id


def _fill(workspace: Workspace, run_id: str, steps: list[int]) -> None:
    rows = [
        {"run_id": run_id, "key": "m", "step": step, "timestamp_ms": index, "value": float(index), "is_nan": False}
        for index, step in enumerate(steps)
    ]
    with workspace.metadata.write() as tx:
        tx.execute(sa.insert(metrics), rows)


def test_a_history_comes_in_pages(workspace: Workspace, run_id: str) -> None:
    _fill(workspace, run_id, list(range(25)))
    pages, offset = [], 0
    while offset is not None:
        page, offset = get_history(workspace, run_id, "m", 10, offset)  # type: ignore[assignment]
        pages.append([point.step for point in page])
    assert pages == [list(range(10)), list(range(10, 20)), list(range(20, 25))]
    assert get_history(workspace, run_id, "other", 10, 0) == ([], None)


def test_histories_share_one_limit(workspace: Workspace, run_id: str) -> None:
    other = _run(workspace)
    for one in (run_id, other):
        _fill(workspace, one, list(range(6)))
    found = get_histories(workspace, [run_id, other], "m", 8)
    assert [(one, len(points)) for one, points in found] == [(run_id, 6), (other, 2)]


@pytest.mark.parametrize("count", [1, 2, 3, 10, 320, 999, 1000, 2500])
@pytest.mark.parametrize("spread", ["even", "clustered", "irregular", "repeated", "extreme", "negative"])
def test_a_sample_is_small_evenly_spread_and_keeps_both_ends(
    workspace: Workspace, run_id: str, count: int, spread: str
) -> None:
    steps = {
        "even": list(range(1000)),
        "clustered": [*range(500), *range(10**12, 10**12 + 500)],
        "irregular": [step * step for step in range(1000)],
        "repeated": [step // 4 for step in range(1000)],
        "extreme": [MIN_STEP, *range(998), MAX_STEP],
        "negative": list(range(-1000, 0)),
    }[spread]
    _fill(workspace, run_id, steps)
    ((_, sampled),) = sample_histories(workspace, [run_id], "m", None, count)
    found = [point.step for point in sampled]
    assert found == sorted(found)
    assert len(found) == min(1000, count) if spread == "even" and count >= 1000 else len(found) <= count
    assert found[-1] == steps[-1]
    if count > 1:
        assert found[0] == steps[0]
    if spread in ("even", "negative") and 2 < count < 1000:
        gaps = [after - before for before, after in pairwise(found)]
        assert max(gaps) == -(-999 // (count - 1))


def test_points_of_one_step_are_sampled_by_their_time(workspace: Workspace, run_id: str) -> None:
    _fill(workspace, run_id, [0] * 1000)
    ((_, sampled),) = sample_histories(workspace, [run_id], "m", None, 11)
    times = [point.timestamp_ms for point in sampled]
    assert (times[0], times[-1], len(times)) == (0, 999, 11)


def test_runs_are_sampled_at_the_same_steps(workspace: Workspace, run_id: str) -> None:
    other = _run(workspace)
    _fill(workspace, run_id, list(range(1001)))
    _fill(workspace, other, list(range(7, 900)))
    (_, first), (_, second) = sample_histories(workspace, [run_id, other], "m", None, 12)
    inner = {point.step for point in second[1:-1]}
    assert inner < {point.step for point in first}
    assert (second[0].step, second[-1].step) == (7, 899)


def test_a_sample_stays_between_the_steps_asked_for(workspace: Workspace, run_id: str) -> None:
    _fill(workspace, run_id, list(range(1000)))
    ((_, sampled),) = sample_histories(workspace, [run_id], "m", (100, 900), 50)
    assert (sampled[0].step, sampled[-1].step) == (100, 900)
    assert sample_histories(workspace, [run_id], "m", (5000, 6000), 50) == [(run_id, [])]
    with pytest.raises(InvalidInput, match="end_step"):
        sample_histories(workspace, [run_id], "m", (9, 1), 50)


# PostgreSQL plans by how much there is: here, next to nothing.
@pytest.mark.parametrize("each_database", ["sqlite"], indirect=True)
def test_a_sample_seeks_and_never_scans(workspace: Workspace, run_id: str) -> None:
    _fill(workspace, run_id, list(range(3000)))
    plans: list[str] = []

    def explain(connection: sa.Connection, cursor: object, statement: str, parameters: tuple[object, ...]) -> None:
        if statement.startswith(("SELECT", "WITH")):
            raw = connection.connection.cursor()
            raw.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            plans.extend(row[3] for row in raw.fetchall())

    with workspace.metadata.read() as tx:
        engine = tx.engine
    sa.event.listen(
        engine, "before_cursor_execute", lambda conn, cur, text, values, _, __: explain(conn, cur, text, values)
    )
    sample_histories(workspace, [run_id], "m", None, 320)
    of_metrics = [step for step in plans if "metrics" in step]
    assert of_metrics
    assert not [step for step in of_metrics if not step.startswith("SEARCH metrics USING PRIMARY KEY (run_id=?")]
    assert not [step for step in of_metrics if "step" not in step]


def test_who_asks_for_nothing_or_too_much_is_told(workspace: Workspace, run_id: str) -> None:
    asks: list[Callable[[list[str]], object]] = [
        lambda ids: get_histories(workspace, ids, "m", 5),
        lambda ids: sample_histories(workspace, ids, "m", None, 5),
    ]
    for ask in asks:
        with pytest.raises(InvalidInput, match="at least one run"):
            ask([])
        with pytest.raises(InvalidInput, match="At most 100"):
            ask([run_id] * 101)
        with pytest.raises(NotFound):
            ask(["nobody"])


def test_a_logged_point_is_in_the_history(workspace: Workspace, run_id: str) -> None:
    point = Metric(key="m", value=float("nan"), timestamp_ms=5, step=2)
    asyncio.run(log_batch(workspace, run_id, [point], {}, {}))
    ((read,), _) = get_history(workspace, run_id, "m", 10, 0)
    assert (read.step, read.timestamp_ms, str(read.value)) == (2, 5, "nan")
