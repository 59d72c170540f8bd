"""What every database must do, whatever it is: transactions, turns, order, and values that it cannot keep."""

import asyncio
import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from functools import partial

import pytest
import sqlalchemy as sa

from registry.core.deploying.documents import EndpointDocument
from registry.core.errors import InvalidInput, Unavailable
from registry.core.modelling.models import ModelFile
from registry.core.tracking.datasets import Dataset, DatasetInput
from registry.core.tracking.runs import LifecycleStage, Metric, Run, RunStatus
from registry.operations.deploying.desired import follow_desired_state
from registry.operations.deploying.endpoints import put_endpoint
from registry.operations.modelling.model_versions import register_version
from registry.operations.modelling.models import get_model
from registry.operations.tracking.experiments import create_experiment
from registry.operations.tracking.inputs import log_inputs
from registry.operations.tracking.run_search import search_runs
from registry.operations.tracking.tracking import create_run, log_batch
from registry.operations.workspace import Workspace, open_workspace
from registry.store import schema
from registry.store.blobs import open_blobs
from registry.store.metadata import Connection, Metadata, open_metadata
from registry.store.tracking import artifacts, datasets, experiments, runs

ACTIVE = frozenset({LifecycleStage.ACTIVE})


@pytest.fixture
def metadata(each_database: str) -> Iterator[Metadata]:
    metadata = open_metadata(each_database)
    yield metadata
    metadata.close()


@pytest.fixture
def workspace(metadata: Metadata) -> Workspace:
    return Workspace(metadata, open_blobs("memory://"))


@pytest.fixture
def other(each_database: str, workspace: Workspace) -> Iterator[Workspace]:
    """Another registry on the same database."""
    other = open_workspace(each_database, "memory://")
    yield other
    other.close()


def test_a_block_that_raises_changes_nothing(metadata: Metadata) -> None:
    with pytest.raises(RuntimeError), metadata.write() as tx:
        _count(tx, 7)
        raise RuntimeError
    assert _counted(metadata) is None


def test_what_is_read_in_a_block_is_true_when_it_is_written(workspace: Workspace, other: Workspace) -> None:
    with workspace.metadata.write() as tx:
        _count(tx, 0)

    def increment(number: int) -> None:
        with (workspace, other)[number % 2].metadata.write() as tx:
            value = tx.scalar(sa.select(schema.counters.c.value))
            tx.execute(sa.update(schema.counters).values(value=int(str(value)) + 1))

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(increment, range(200)))
    assert _counted(workspace.metadata) == 200


def test_versions_have_no_gap_and_no_twin(workspace: Workspace, other: Workspace) -> None:
    run = create_run(workspace, "0", name="", user_id="", started_ms=None, tags={})
    with workspace.metadata.write() as tx:
        artifacts.put(tx, run.id, ModelFile(path="model", sha256="a" * 64, size=1))

    def register(number: int) -> int:
        return register_version((workspace, other)[number % 2], "cancer", run.id, "model").version

    with ThreadPoolExecutor(20) as pool:
        given = list(pool.map(register, range(100)))
    assert sorted(given) == list(range(1, 101))
    assert [version.version for version in get_model(other, "cancer").versions] == list(range(1, 101))


def test_a_reader_sees_one_moment(metadata: Metadata) -> None:
    with metadata.read() as tx:
        assert tx.scalar(sa.select(schema.counters.c.value)) is None
        with metadata.write() as writing:
            _count(writing, 7)
        assert tx.scalar(sa.select(schema.counters.c.value)) is None
    assert _counted(metadata) == 7


def test_a_block_waits_no_longer_than_its_patience(each_database: str, metadata: Metadata) -> None:
    hasty = open_metadata(each_database, patience_s=0.3)
    with metadata.write() as tx:
        _count(tx, 1)
        with pytest.raises(Unavailable, match="busy"), hasty.write():
            pytest.fail("two wrote at the same time")
        with hasty.read() as reading:  # whoever reads waits for nobody
            assert reading.scalar(sa.select(schema.counters.c.value)) is None
    with hasty.write() as tx:
        tx.execute(sa.delete(schema.counters))
    hasty.close()


def test_a_crowd_that_waits_is_refused_together(each_database: str, metadata: Metadata) -> None:
    hasty = open_metadata(each_database, patience_s=0.5)

    async def story() -> list[BaseException | None]:
        with metadata.write():
            jobs = [hasty.write_soon(partial(_count, value=number, name=f"{number}")) for number in range(30)]
            async with asyncio.timeout(10):  # thirty patiences would be longer
                return await asyncio.gather(*jobs, return_exceptions=True)

    assert all(isinstance(outcome, Unavailable) for outcome in asyncio.run(story()))
    hasty.close()


def test_two_registries_may_begin_at_once_on_nothing(empty_database: str) -> None:
    with ThreadPoolExecutor(6) as pool:
        opened = list(pool.map(open_metadata, [empty_database] * 6))
    for metadata in opened:
        with metadata.read() as tx:
            assert experiments.find(tx, 0) is not None
        metadata.close()


@pytest.mark.parametrize("each_database", ["postgresql"], indirect=True)  # an SQLite file has one registry
def test_a_registry_hears_what_another_one_wrote(workspace: Workspace, other: Workspace) -> None:
    async def story() -> None:
        waiting = asyncio.create_task(follow_desired_state(other, 0, 20))
        await asyncio.sleep(0.1)
        await asyncio.to_thread(put_endpoint, workspace, "cancer", EndpointDocument())
        async with asyncio.timeout(5):
            assert [endpoint.name for endpoint in (await waiting).endpoints] == ["cancer"]

    asyncio.run(story())


def test_text_is_ordered_by_its_characters(metadata: Metadata) -> None:
    names = ["b", "B", "a", "_", "é", "Z", "-", "~", "10", "9"]
    with metadata.write() as tx:
        for path in names:
            artifacts.put(tx, "owner", ModelFile(path=path, sha256="a" * 64, size=1))
        assert [file.path for file in artifacts.below(tx, "owner", "")] == sorted(names)


def test_a_folder_is_found_by_its_case_and_every_character(metadata: Metadata) -> None:
    paths = ["a_b/x", "a_B/x", "aXb/x", "a%/x", "a\\/x"]
    with metadata.write() as tx:
        for path in paths:
            artifacts.put(tx, "owner", ModelFile(path=path, sha256="a" * 64, size=1))
        for path in paths:
            assert [file.path for file in artifacts.below(tx, "owner", path[:-2])] == [path]


def test_the_latest_point_is_the_greatest_whatever_the_order(metadata: Metadata) -> None:
    points = [(2, 1, 0.1), (1, 9, 5.0), (2, 1, math.nan), (2, 1, 0.7), (2, 0, 3.0), (2, 1, 0.7)]
    with metadata.write() as tx:
        runs.put(tx, _run())
        for step, at, value in points:
            runs.add_metrics(tx, "r", 0, [Metric(key="acc", value=value, timestamp_ms=at, step=step)])
        runs.add_metrics(tx, "r", 0, [Metric(key="acc", value=v, timestamp_ms=t, step=s) for s, t, v in points])
        run = runs.find(tx, "r")
    assert run is not None
    assert run.metrics == [Metric(key="acc", value=0.7, timestamp_ms=1, step=2)]


def test_numbers_come_back_as_they_were(metadata: Metadata) -> None:
    values = [0.1 + 0.2, -0.0, 5e-324, 1.7976931348623157e308, 2.0**-1074, 1 / 3]
    points = [Metric(key="n", value=value, timestamp_ms=n, step=2**63 - 1) for n, value in enumerate(values)]
    with metadata.write() as tx:
        runs.put(tx, _run())
        runs.add_metrics(tx, "r", 0, points)
        assert list(tx.scalars(sa.select(schema.metrics.c.value).order_by(schema.metrics.c.timestamp_ms))) == values


class Colour(StrEnum):
    BLUE = "as blue as the sky"


def test_an_enumeration_is_kept_as_its_value(metadata: Metadata) -> None:
    with metadata.write() as tx:
        experiments.set_tags(tx, 0, {"colour": Colour.BLUE})
        found = experiments.find(tx, 0)
        here = schema.experiment_tags.c.value == Colour.BLUE
        assert tx.scalar(sa.select(sa.func.count()).select_from(schema.experiment_tags).where(here)) == 1
    assert found is not None
    assert found.tags == {"colour": "as blue as the sky"}


@pytest.mark.parametrize("text", ["half a \ud800 pair", "zero \0 byte"])
def test_a_text_comes_back_or_is_the_callers_mistake(workspace: Workspace, text: str) -> None:
    run = create_run(workspace, "0", name="", user_id="", started_ms=None, tags={})
    given = [DatasetInput(dataset=Dataset(name="d", digest="d", source_type="", source=""), tags={"t": text})]
    metrics = [Metric(key=text, value=1, timestamp_ms=1)]
    for write in (
        partial(create_experiment, workspace, "name", {"tag": text}),
        partial(create_experiment, workspace, text, {}),
        lambda: asyncio.run(log_batch(workspace, run.id, [], {"param": text}, {})),
        lambda: asyncio.run(workspace.metadata.write_soon(lambda tx: runs.add_metrics(tx, run.id, 0, metrics))),
        lambda: log_inputs(workspace, run.id, given, []),
        lambda: search_runs(
            workspace, ["0"], stages=ACTIVE, filter=f"tags.a = '{text}'", order_by=[], limit=9, offset=0
        ),
    ):
        try:
            write()
        except InvalidInput:
            continue
        assert "\0" in text
        assert not workspace.metadata.shared
    with workspace.metadata.read() as tx:
        assert len(datasets.summaries(tx, [0], 9)) <= 1  # and nobody else is kept from reading


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 2**200])
def test_a_number_of_more_than_64_bits_is_the_callers_mistake(workspace: Workspace, number: int) -> None:
    with pytest.raises(InvalidInput):
        create_run(workspace, "0", name="", user_id="", started_ms=number, tags={})
    for filter in (f"start_time > {number}", f"end_time = {number}"):
        assert search_runs(workspace, ["0"], stages=ACTIVE, filter=filter, order_by=[], limit=9, offset=0) == ([], None)


def test_an_experiment_with_a_great_number_is_none(workspace: Workspace) -> None:
    ids = ["999999999", "2147483648", "99999999999999999999", "-1", "x", "0"]
    assert search_runs(workspace, ids, stages=ACTIVE, filter="", order_by=[], limit=9, offset=0) == ([], None)


def test_a_statement_that_failed_takes_only_its_own_job_back(metadata: Metadata) -> None:
    async def story() -> list[object]:
        jobs = [metadata.write_soon(partial(_count, value=1, name=name)) for name in ("a", "b", "b", "c")]
        return await asyncio.gather(*jobs, return_exceptions=True)

    outcomes = asyncio.run(story())
    assert isinstance(outcomes[2], sa.exc.IntegrityError)
    assert [outcomes[0], outcomes[1], outcomes[3]] == [None] * 3
    with metadata.read() as tx:
        assert sorted(tx.scalars(sa.select(schema.counters.c.name))) == ["a", "b", "c"]


def _run() -> Run:
    return Run(
        id="r",
        experiment_id=0,
        name="one",
        user_id="",
        status=RunStatus.RUNNING,
        lifecycle_stage=LifecycleStage.ACTIVE,
        artifact_uri="",
        started_ms=1,
        ended_ms=None,
    )


def _count(tx: Connection, value: int, name: str = "test") -> None:
    tx.execute(sa.insert(schema.counters).values(name=name, value=value))


def _counted(metadata: Metadata) -> object:
    with metadata.read() as tx:
        return tx.scalar(sa.select(schema.counters.c.value))
