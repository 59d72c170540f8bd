import asyncio
from pathlib import Path

import pytest

from serving.controller.board import Board
from serving.wire.routing import RoutingTable


def test_a_waiting_agent_gets_the_next_table(tmp_path: Path) -> None:
    async def story() -> RoutingTable:
        board = Board(tmp_path / "routing.json")
        waiting = asyncio.create_task(board.newer_than(0, wait_s=30))
        await asyncio.sleep(0)
        await board.publish(RoutingTable(generation=1))
        return await waiting

    assert asyncio.run(story()).generation == 1


def test_without_news_the_current_table_comes_when_the_wait_is_over(tmp_path: Path) -> None:
    assert asyncio.run(Board(tmp_path / "routing.json").newer_than(0, wait_s=0.01)).generation == 0


def test_a_restarted_board_continues_its_generations(tmp_path: Path) -> None:
    async def publish() -> None:
        await Board(tmp_path / "routing.json").publish(RoutingTable(generation=7))

    asyncio.run(publish())
    assert Board(tmp_path / "routing.json").table.generation == 7


def test_an_older_table_is_never_published(tmp_path: Path) -> None:
    async def story() -> int:
        board = Board(tmp_path / "routing.json")
        await board.publish(RoutingTable(generation=7))
        await board.publish(RoutingTable(generation=6))
        return board.table.generation

    assert asyncio.run(story()) == 7


def test_a_damaged_file_is_refused_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "routing.json").write_bytes(b"{")
    with pytest.raises(SystemExit, match="is damaged"):
        Board(tmp_path / "routing.json")
