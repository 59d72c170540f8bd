from pathlib import Path

import pytest

from serving.controller.logs import LogsAway, tail


def test_the_last_lines_of_each_process_under_its_name(tmp_path: Path) -> None:
    (tmp_path / "cancer.blue.1-abc.log").write_text("one\ntwo\nthree\n")
    (tmp_path / "cancer.blue-green.1-abc.log").write_text("another deployment\n")
    assert tail(tmp_path, "Cancer", "blue", 2) == "==> cancer.blue.1-abc <==\ntwo\nthree\n"


def test_a_deployment_that_never_ran_here_has_no_logs(tmp_path: Path) -> None:
    with pytest.raises(LogsAway, match="cancer/red"):
        tail(tmp_path, "cancer", "red", 10)
