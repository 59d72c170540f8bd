"""Searches against a plain Python model of what they should find, and the indexes they walk."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.core.tracking.datasets import Dataset, DatasetInput
from registry.core.tracking.runs import LifecycleStage, Metric, Run, RunStatus
from registry.core.tracking.search import RUNS, parse_filter, parse_orders
from registry.store.metadata import Connection, Metadata, open_metadata
from registry.store.schema import experiments
from registry.store.tracking import datasets, run_search, runs
from registry.store.tracking.run_search import Scope
from tests.servers.postgresql import Postgresql

ACTIVE, DELETED = frozenset({LifecycleStage.ACTIVE}), frozenset({LifecycleStage.DELETED})
COUNT = 60
NAN, MISSING = math.nan, None
LONG = "é" * 70  # longer than what an index holds of a value


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path_factory.mktemp('search')}/registry.db"
    server: Postgresql = request.getfixturevalue("postgresql")
    return server.empty_database()


@pytest.fixture(scope="module")
def metadata(url: str) -> Iterator[Metadata]:
    metadata = open_metadata(url)
    with metadata.write() as tx:
        other = {"id": 1, "name": "other", "artifact_location": "", "lifecycle_stage": "active"}
        tx.execute(sa.insert(experiments).values(**other, created_ms=1, updated_ms=1))
        for number in range(COUNT):
            _make(tx, number)
        gone = _make(tx, COUNT)
        runs.set_deleted(tx, gone, 7)
    yield metadata
    metadata.close()


def _make(tx: Connection, number: int) -> str:
    run_id, experiment_id = f"{number * 7919 % 1000:032x}", number % 2
    run = Run(
        id=run_id,
        experiment_id=experiment_id,
        name=f"Run-{number % 5}",
        user_id="ann" if number % 2 else "Bob",
        status=RunStatus.FINISHED if number % 3 else RunStatus.RUNNING,
        lifecycle_stage=LifecycleStage.ACTIVE,
        artifact_uri="",
        started_ms=1000 + number // 4,
        ended_ms=2000 + number if number % 3 else None,
    )
    runs.put(tx, run)
    points = {"acc": _acc(number), "loss": number % 7 / 7, "`odd` key/1": 1.0}
    logged = [
        Metric(key=key, value=value, timestamp_ms=1, step=3) for key, value in points.items() if value is not None
    ]
    runs.add_metrics(tx, run_id, experiment_id, logged)
    texts = {"C": str(number % 4), "solver": "LBFGS" if number % 2 else "lbfgs", "long": LONG + str(number % 4)}
    runs.add_params(tx, run_id, experiment_id, texts)
    runs.set_tags(tx, run_id, experiment_id, {"team": "a_b" if number % 6 else "a%b"} if number % 3 else {})
    if number % 10 == 0:
        dataset = Dataset(name="iris", digest=f"d{number % 20}", source_type="local", source="x")
        context = {"mlflow.data.context": "train" if number % 20 else "Test"}
        datasets.add_inputs(tx, run_id, experiment_id, [DatasetInput(dataset=dataset, tags=context)], lambda: run_id)
    return run_id


def _acc(number: int) -> float | None:
    if number % 11 == 5:
        return NAN
    return MISSING if number % 7 == 3 else number % 8 / 8


def _found(
    metadata: Metadata,
    filter: str = "",
    order_by: tuple[str, ...] = (),
    *,
    stages: frozenset[LifecycleStage] = ACTIVE,
    experiment_ids: tuple[int, ...] = (0, 1),
    limit: int = 1000,
    offset: int = 0,
    few: int = run_search.FEW,
) -> list[Run]:
    scope = Scope(experiment_ids, stages)
    with metadata.read() as tx:
        comparisons, orders = parse_filter(filter, RUNS), parse_orders(order_by, RUNS)
        return run_search.search(tx, scope, comparisons, orders, limit, offset, few)


def _metric(run: Run, key: str) -> float | None:
    return next((metric.value for metric in run.metrics if metric.key == key), None)


def _acc_is(test: Callable[[float], bool]) -> Callable[[Run], bool]:
    return lambda run: (value := _metric(run, "acc")) is not None and test(value)


FILTERS: list[tuple[str, Callable[[Run], bool]]] = [
    ("metrics.acc > 0.5", _acc_is(lambda value: value > 0.5)),
    ("metrics.acc <= 0.5", _acc_is(lambda value: value <= 0.5)),
    ("metrics.acc = 0.5", _acc_is(lambda value: value == 0.5)),
    ("metrics.acc != 0.5", _acc_is(lambda value: value != 0.5)),
    ("metrics.acc > 0.2 AND metrics.acc < 0.8", _acc_is(lambda value: 0.2 < value < 0.8)),
    ('metrics."`odd` key/1" = 1 AND metrics.loss < 0.5', lambda run: (_metric(run, "loss") or 0) < 0.5),
    ("params.C = '1'", lambda run: run.params["C"] == "1"),
    ("params.C != '1'", lambda run: run.params["C"] != "1"),
    ("params.solver LIKE 'l%'", lambda run: run.params["solver"] == "lbfgs"),
    ("params.solver ILIKE 'l%S'", lambda run: True),
    (f"params.long = '{LONG}1'", lambda run: run.params["C"] == "1"),
    (f"params.long = '{LONG}'", lambda run: False),
    (f"params.long = '{LONG[:64]}'", lambda run: False),
    (f"params.long != '{LONG}1'", lambda run: run.params["C"] != "1"),
    (f"params.long LIKE '{LONG}_'", lambda run: True),
    (f"params.long LIKE '{LONG}%1'", lambda run: run.params["C"] == "1"),
    ("params.long LIKE 'é%2'", lambda run: run.params["C"] == "2"),
    ("params.long LIKE 'ê%'", lambda run: False),
    ("params.long LIKE '%3'", lambda run: run.params["C"] == "3"),
    ("params.long ILIKE 'É%1'", lambda run: False),
    ("params.solver != 'lbfgs'", lambda run: run.params["solver"] == "LBFGS"),
    ("params.solver LIKE '%bfgs'", lambda run: run.params["solver"] == "lbfgs"),
    ("tags.team != 'a_b'", lambda run: run.tags.get("team") == "a%b"),
    ("params.missing = 'x'", lambda run: False),
    ("params.missing != 'x'", lambda run: False),
    ("params.missing IS NULL AND params.C IS NOT NULL", lambda run: True),
    ("tags.team IS NULL", lambda run: "team" not in run.tags),
    ("tags.team IS NOT NULL", lambda run: "team" in run.tags),
    ("tags.team = 'a%b'", lambda run: run.tags.get("team") == "a%b"),
    ("tags.team LIKE 'a_b'", lambda run: "team" in run.tags),
    ("status = 'FINISHED'", lambda run: run.status == "FINISHED"),
    ("status NOT IN ('FINISHED')", lambda run: run.status != "FINISHED"),
    ("run_name IN ('Run-1', 'Run-2', 'run-3')", lambda run: run.name in ("Run-1", "Run-2")),
    ("user_id LIKE 'B%'", lambda run: run.user_id == "Bob"),
    ("user_id LIKE 'b%'", lambda run: False),
    ("start_time > 1004.5", lambda run: run.started_ms > 1004.5),
    ("end_time != 2001", lambda run: run.ended_ms not in (None, 2001)),
    ("dataset.name = 'iris'", lambda run: bool(run.dataset_inputs)),
    ("dataset.digest LIKE 'D%'", lambda run: False),
    (
        "datasets.context = 'train'",
        lambda run: any(one.tags["mlflow.data.context"] == "train" for one in run.dataset_inputs),
    ),
    ("metrics.acc > 0.5 AND params.C = '1' AND tags.team IS NULL AND end_time > 0", lambda run: False),
]


@pytest.mark.parametrize("few", [0, run_search.FEW])
@pytest.mark.parametrize(("text", "holds"), FILTERS)
def test_a_filter_finds_the_runs_it_holds_for(
    metadata: Metadata, text: str, holds: Callable[[Run], bool], few: int
) -> None:
    everything = _found(metadata)
    expected = [run.id for run in everything if holds(run)]
    assert [run.id for run in _found(metadata, text, few=few)] == expected
    assert len(everything) == COUNT


def _by(value: float | str | None, ascending: bool) -> tuple[int, Any]:
    if value is None:
        return (2, 0)
    if isinstance(value, float) and math.isnan(value):
        return (1, 0)
    if isinstance(value, str):
        return (0, tuple(ord(letter) if ascending else -ord(letter) for letter in value))
    return (0, value if ascending else -value)


ORDERS: list[tuple[str, Callable[[Run], Any]]] = [
    ("metrics.acc", lambda run: _metric(run, "acc")),
    ("metrics.loss", lambda run: _metric(run, "loss")),
    ("metrics.nowhere", lambda run: None),
    ("params.solver", lambda run: run.params["solver"]),
    ("tags.team", lambda run: run.tags.get("team")),
    ("attributes.end_time", lambda run: run.ended_ms),
    ("start_time", lambda run: run.started_ms),
    ("run_id", lambda run: run.id),
    ("`Run Name`", lambda run: run.name),
]


@pytest.mark.parametrize("few", [0, run_search.FEW])
@pytest.mark.parametrize("filter", ["", "metrics.acc > 0.1", "metrics.acc != 0.5", "metrics.loss > 0"])
@pytest.mark.parametrize("ascending", [True, False])
@pytest.mark.parametrize(("key", "value"), ORDERS)
def test_numbers_come_before_nan_before_what_is_missing(
    metadata: Metadata, key: str, value: Callable[[Run], Any], ascending: bool, filter: str, few: int
) -> None:
    direction = "ASC" if ascending else "DESC"
    expected = sorted(_found(metadata, filter), key=lambda run: (_by(value(run), ascending), -run.started_ms, run.id))
    ordered = _found(metadata, filter, (f"{key} {direction}",), few=few)
    assert [run.id for run in ordered] == [run.id for run in expected]


def test_a_later_order_settles_what_an_earlier_leaves_equal(metadata: Metadata) -> None:
    found = _found(metadata, "", ("metrics.loss DESC", "metrics.acc", "start_time ASC"))
    keys = [(_by(_metric(run, "loss"), False), _by(_metric(run, "acc"), True), run.started_ms) for run in found]
    assert keys == sorted(keys)


@pytest.mark.parametrize("few", [0, run_search.FEW])
@pytest.mark.parametrize("order_by", [(), ("metrics.acc DESC",), ("tags.team", "metrics.acc")])
@pytest.mark.parametrize("limit", [1, 7, 25])
def test_pages_make_the_whole(metadata: Metadata, order_by: tuple[str, ...], limit: int, few: int) -> None:
    pages = [
        _found(metadata, "metrics.loss > 0", order_by, limit=limit, offset=offset, few=few)
        for offset in range(0, COUNT + limit, limit)
    ]
    whole = _found(metadata, "metrics.loss > 0", order_by)
    assert [run.id for page in pages for run in page] == [run.id for run in whole]


def test_experiments_and_stages_bound_the_search(metadata: Metadata) -> None:
    for order_by in ((), ("metrics.acc",)):
        assert {run.experiment_id for run in _found(metadata, "", order_by, experiment_ids=(1,))} == {1}
        assert _found(metadata, "", order_by, experiment_ids=()) == []
        assert len(_found(metadata, "", order_by, stages=DELETED)) == 1
        assert len(_found(metadata, "", order_by, stages=ACTIVE | DELETED)) == COUNT + 1


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)  # PostgreSQL plans by how much there is: here, nothing
@pytest.mark.parametrize("few", [-1, 0])
@pytest.mark.parametrize(
    ("filter", "order_by", "index"),
    [
        ("", (), "ix_runs_experiment_id_started_ms_id (experiment_id=?)"),
        ("params.C = '2'", (), "ix_runs_experiment_id_started_ms_id (experiment_id=?)"),
        ("", ("start_time ASC",), "ix_runs_experiment_id_started_ms_id (experiment_id=?)"),
        (
            "metrics.acc > 0.5",
            ("metrics.acc DESC",),
            "ix_latest_metrics_experiment_id_key_is_nan_value (experiment_id=? AND key=? AND is_nan=? AND value>?)",
        ),
        (
            "",
            ("metrics.acc ASC",),
            "ix_latest_metrics_experiment_id_key_is_nan_value (experiment_id=? AND key=? AND is_nan=?)",
        ),
    ],
)
def test_a_page_walks_an_index_and_sorts_only_what_is_equal(
    metadata: Metadata, filter: str, order_by: tuple[str, ...], index: str, few: int
) -> None:
    with metadata.read() as tx:
        comparisons, orders = parse_filter(filter, RUNS), parse_orders(order_by, RUNS)
        (query, *_) = run_search.parts(tx, Scope([0], ACTIVE), comparisons, orders, few)
        plan = _plan(tx, query.limit(50))
    assert index in plan[0]
    assert not any(step.startswith("USE TEMP B-TREE FOR ORDER BY") for step in plan)


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)  # PostgreSQL plans by how much there is: here, nothing
def test_a_rare_metric_is_found_by_its_index(metadata: Metadata) -> None:
    with metadata.read() as tx:
        comparisons = parse_filter("params.C IS NULL AND metrics.acc > 0.8", RUNS)
        (query,) = run_search.parts(tx, Scope([0], ACTIVE), comparisons, [])
        assert "ix_latest_metrics_experiment_id_key_is_nan_value" in _plan(tx, query.limit(50))[0]


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("order_by", [(), ("metrics.acc DESC",)])
@pytest.mark.parametrize(
    ("filter", "by"),
    [
        ("params.C = '2'", "ix_params_experiment_id_key_head (experiment_id=? AND key=? AND <expr>=?)"),
        (
            "params.C LIKE '2%'",
            "ix_params_experiment_id_key_head (experiment_id=? AND key=? AND <expr>>? AND <expr><?)",
        ),
        ("params.C ILIKE '%2'", "ix_params_experiment_id_key_head (experiment_id=? AND key=? AND <expr>=?)"),
        ("params.C != '0'", "ix_params_experiment_id_key_head (experiment_id=? AND key=? AND <expr>=?)"),
        ("tags.team IS NOT NULL", "ix_run_tags_experiment_id_key_head (experiment_id=? AND key=?)"),
        (
            "tags.team = 'x' AND user_id = 'ann'",
            "ix_run_tags_experiment_id_key_head (experiment_id=? AND key=? AND <expr>",
        ),
    ],
)
def test_a_rare_param_or_tag_is_found_by_its_index(
    metadata: Metadata, filter: str, by: str, order_by: tuple[str, ...]
) -> None:
    with metadata.read() as tx:
        comparisons, orders = parse_filter(filter, RUNS), parse_orders(order_by, RUNS)
        (query,) = run_search.parts(tx, Scope([0], ACTIVE), comparisons, orders)
        assert by in _plan(tx, query.limit(50))[0]


def _plan(tx: Connection, query: sa.Select[Any]) -> list[str]:
    text = query.compile(tx, compile_kwargs={"literal_binds": True})
    return [row[3] for row in tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}")]


def test_a_page_takes_as_many_statements_as_a_run(metadata: Metadata) -> None:
    statements: list[str] = []

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        statements.append(statement)

    counts = []
    with metadata.read() as tx:
        sa.event.listen(tx, "before_cursor_execute", note)
        for limit in (1, COUNT):
            statements.clear()
            assert len(run_search.search(tx, Scope([0, 1], ACTIVE), [], [], limit, 0)) == limit
            counts.append(len(statements))
    assert counts[0] == counts[1] < 8


STORABLE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12)
HOSTILE = st.text("%_*?[]\\'\"; -abA", min_size=1, max_size=8)


@settings(deadline=None)
@given(key=st.one_of(STORABLE, HOSTILE).filter(lambda key: "`" not in key), value=st.one_of(STORABLE, HOSTILE))
def test_no_character_of_a_key_or_value_means_anything_to_sql(metadata: Metadata, key: str, value: str) -> None:
    quoted, side = value.replace("'", "''"), f"params.`{key}`"
    literal = "%" not in value and "_" not in value
    with pytest.raises(_Undone), metadata.write() as tx:
        one = Run(
            id="r",
            experiment_id=0,
            name=value,
            user_id="",
            status=RunStatus.RUNNING,
            lifecycle_stage=LifecycleStage.ACTIVE,
            artifact_uri="",
            started_ms=1,
            ended_ms=None,
        )
        runs.put(tx, one)
        runs.add_params(tx, "r", 0, {key: value})
        for text, finds in [
            (f"{side} = '{quoted}'", True),
            (f"{side} != '{quoted}'", False),
            (f"{side} LIKE '{quoted}'", True),
            (f"{side} LIKE '%{quoted}%'", True),
            (f"run_name ILIKE '{quoted}'", True),
            (f"{side} LIKE '{quoted}x'", not literal and None),
            (f"{side} LIKE '{quoted.swapcase()}'", value.swapcase() == value if literal else None),
        ]:
            orders = parse_orders([side], RUNS)
            found = run_search.search(tx, Scope([0], ACTIVE), parse_filter(text, RUNS), orders, 1000, 0)
            assert finds in (None, "r" in [run.id for run in found]), text
        raise _Undone


class _Undone(Exception):
    """Takes a transaction back."""
