import os
from pathlib import Path

import pytest

from serving.controller.logs import LogsAway, tail
from serving.node.keeping.logs import begin_log


def test_the_last_lines_of_each_process_under_its_name(tmp_path: Path) -> None:
    (tmp_path / "cancer.blue.1-abc.log").write_text("one\ntwo\nthree\n")
    (tmp_path / "cancer.blue-green.1-abc.log").write_text("another deployment\n")
    assert tail(tmp_path, "Cancer", "blue", 2) == "==> cancer.blue.1-abc <==\ntwo\nthree\n"


def test_every_process_that_runs_is_shown_and_the_newest_that_do_not(tmp_path: Path) -> None:
    for age in range(10):
        path = tmp_path / f"cancer.blue.1-{age}.log"
        path.write_text(f"line {age}\n")
        os.utime(path, (1e9 - age, 1e9 - age))
    with begin_log(tmp_path / "cancer.blue.1-9.log"):
        shown = tail(tmp_path, "cancer", "blue", 1)
    assert [line for line in shown.splitlines() if line.startswith("line")] == [
        f"line {n}" for n in (9, 5, 4, 3, 2, 1, 0)
    ]


def test_a_deployment_that_never_ran_here_has_no_logs(tmp_path: Path) -> None:
    with pytest.raises(LogsAway, match="cancer/red"):
        tail(tmp_path, "cancer", "red", 10)
