import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Slipway = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def ask(slipway: Slipway, url: str) -> Slipway:
    """Run ``slipway dataset`` against the registry."""
    return lambda *words: slipway("dataset", *words, SLIPWAY_URL=url)


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    folder = tmp_path / "rows"
    (folder / "part").mkdir(parents=True)
    (folder / "a.csv").write_text("1,2\n")
    (folder / "part" / "b.csv").write_text("3,4\n")
    return folder


def test_a_folder_comes_back_as_it_was(ask: Slipway, rows: Path, tmp_path: Path) -> None:
    made = ask("create", "cancer-rows", str(rows), "--tag", "split=test", "--description", "twice two")
    assert made.stdout.splitlines()[-1] == "cancer-rows:1, 2 files, 8 bytes"
    assert ask("download", "cancer-rows", "--to", str(tmp_path / "copy")).returncode == 0
    copy = tmp_path / "copy" / "rows"
    assert {str(file.relative_to(copy)) for file in copy.rglob("*") if file.is_file()} == {"a.csv", "part/b.csv"}
    assert (copy / "part" / "b.csv").read_text() == "3,4\n"
    again = ask("download", "cancer-rows", "--to", str(tmp_path / "copy"))
    assert (again.returncode, again.stderr.count("\n")) == (2, 1)
    assert "is there already" in again.stderr


def test_versions_are_listed_shown_deleted_and_restored(ask: Slipway, rows: Path) -> None:
    assert ask("list").stdout == "no datasets yet: slipway dataset create\n"
    for _ in range(2):
        ask("create", "cancer-rows", str(rows / "a.csv"))
    assert [one["version"] for one in json.loads(ask("list", "-o", "json").stdout)] == [1, 2]
    assert json.loads(ask("show", "cancer-rows", "-o", "json").stdout)["version"] == 2
    assert "a.csv" in ask("show", "cancer-rows", "1").stdout
    assert ask("delete", "cancer-rows", "2").stdout == "dataset cancer-rows:2 deleted\n"
    assert "there is: 1" in ask("show", "cancer-rows", "2").stderr
    assert ask("restore", "cancer-rows", "2").returncode == 0


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("create", "a b", "x"), 2, "invalid dataset name"),
        (("create", "rows", "nowhere"), 2, "cannot read nowhere: No such file or directory"),
        (("create", "rows", __file__, "--tag", "x"), 2, "write KEY=VALUE"),
        (("show", "rows"), 1, "there is no dataset 'rows'"),
    ],
)
def test_a_mistake_is_one_line(ask: Slipway, words: tuple[str, ...], code: int, said: str) -> None:
    done = ask(*words)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (code, "", 1)
    assert said in done.stderr
