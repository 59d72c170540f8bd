import asyncio
import threading
from collections.abc import Iterator
from functools import partial

import pytest
import sqlalchemy as sa

from registry.core.errors import Unavailable
from registry.store import schema
from registry.store.engines import open_engine
from registry.store.metadata import Connection, Metadata, open_metadata


@pytest.fixture
def metadata(each_database: str) -> Iterator[Metadata]:
    metadata = open_metadata(each_database)
    yield metadata
    metadata.close()


def insert(tx: Connection, name: str) -> str:
    tx.execute(sa.insert(schema.counters).values(name=name, value=1))
    return name


def names(metadata: Metadata) -> list[str]:
    with metadata.read() as tx:
        return list(tx.scalars(sa.select(schema.counters.c.name).order_by(schema.counters.c.name)))


def test_what_is_answered_is_committed(metadata: Metadata, each_database: str) -> None:
    async def story() -> None:
        assert await metadata.write_soon(lambda tx: insert(tx, "one")) == "one"
        with open_engine(each_database).connect() as other:
            assert other.exec_driver_sql("SELECT name FROM counters").all() == [("one",)]

    asyncio.run(story())


def test_writers_share_a_commit_and_only_the_one_that_fails_is_taken_back(metadata: Metadata) -> None:
    commits = 0

    def count(_: object) -> None:
        nonlocal commits
        commits += 1

    sa.event.listen(metadata.engine, "commit", count)

    def fail(tx: Connection) -> None:
        insert(tx, "bad")
        raise ValueError("a mistake found late")

    async def story() -> None:
        gate = threading.Event()
        first = asyncio.create_task(metadata.write_soon(lambda _: gate.wait(5)))
        await asyncio.sleep(0.05)  # the queue's thread is in the first job; the rest gather behind it
        good = [asyncio.create_task(metadata.write_soon(partial(insert, name=f"good-{n}"))) for n in range(50)]
        await asyncio.sleep(0)
        gate.set()
        assert [await task for task in good] == [f"good-{n}" for n in range(50)]
        assert await first
        assert commits == 2

        rest = [metadata.write_soon(lambda tx: insert(tx, "before")), metadata.write_soon(fail)]
        rest.append(metadata.write_soon(lambda tx: insert(tx, "zafter")))
        outcomes = await asyncio.gather(*rest, return_exceptions=True)
        assert (outcomes[0], outcomes[2]) == ("before", "zafter")
        assert isinstance(outcomes[1], ValueError)

    asyncio.run(story())
    assert [name for name in names(metadata) if not name.startswith("good")] == ["before", "zafter"]


def test_a_block_and_the_queue_take_turns(metadata: Metadata) -> None:
    async def story() -> None:
        with metadata.write() as tx:
            insert(tx, "block")
            waiting = asyncio.create_task(metadata.write_soon(lambda tx: insert(tx, "queue")))
            await asyncio.sleep(0.05)
            assert not waiting.done()
        assert await waiting == "queue"

    asyncio.run(story())
    assert names(metadata) == ["block", "queue"]


def test_closing_finishes_what_waits_and_then_refuses(metadata: Metadata) -> None:
    async def story() -> None:
        tasks = [asyncio.create_task(metadata.write_soon(partial(insert, name=f"{n}"))) for n in range(5)]
        await asyncio.sleep(0)
        await asyncio.to_thread(metadata.close)
        assert sorted(await asyncio.gather(*tasks)) == list("01234")
        with pytest.raises(Unavailable):
            await metadata.write_soon(lambda tx: insert(tx, "late"))

    asyncio.run(story())


def test_a_waiter_that_went_away_loses_nothing_for_the_others(metadata: Metadata) -> None:
    async def story() -> None:
        gone = asyncio.create_task(metadata.write_soon(lambda tx: insert(tx, "gone")))
        stays = asyncio.create_task(metadata.write_soon(lambda tx: insert(tx, "stays")))
        await asyncio.sleep(0)
        gone.cancel()
        assert await stays == "stays"

    asyncio.run(story())
    assert names(metadata) == ["gone", "stays"]
