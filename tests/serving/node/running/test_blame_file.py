"""The file of bodies that end processes, as supervisors make it, tell it of deaths, and take it away."""

import os
from multiprocessing import get_context
from pathlib import Path

from serving.node.running.blame_file import BlameFile, sweep
from serving.scoring.runtimes.blame import WATCHED_AT, open_blame

_processes = get_context("fork")


def test_after_a_death_everybody_watches_for_an_hour(tmp_path: Path) -> None:
    now = [43_200.0]
    with BlameFile(tmp_path / "table") as table:
        mine = open_blame(str(table.path), "", lambda: now[0])
        assert (mine.table[WATCHED_AT], mine.watches()) == (0, False)
        table.note_death(now[0])
        now[0] += 3599
        assert (mine.table[WATCHED_AT], mine.watches()) == (1, True)
        now[0] += 2
        assert not mine.watches()
        assert mine.table[WATCHED_AT] == 0


def test_where_no_table_can_be_made_a_supervisor_goes_on_without(tmp_path: Path) -> None:
    (tmp_path / "blame").write_text("a file where the folder should be")
    with BlameFile(tmp_path / "blame" / "table") as table:
        assert table.path is None
        assert table.work_of(os.getpid()) is None


def test_the_last_supervisor_takes_the_file_away(tmp_path: Path) -> None:
    path = tmp_path / "blame" / "table"
    with BlameFile(path):
        with BlameFile(path):
            assert path.exists()
        assert path.exists()
    assert not path.exists()


def test_what_was_marked_when_everybody_was_killed_together_blames_nobody(tmp_path: Path) -> None:
    held, killed = tmp_path / "held", tmp_path / "killed"
    with BlameFile(held):
        supervisor = _processes.Process(target=_supervise, args=(killed,))
        supervisor.start()
        supervisor.join()
        assert killed.exists()
        sweep(tmp_path)
        assert list(tmp_path.iterdir()) == [held]
    sweep(tmp_path / "none")


def _supervise(path: Path) -> None:
    BlameFile(path)
    os._exit(1)
