"""The tests' own servers: they end with the tests, and their absence is heard of."""

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.servers.processes import Absent, require, start

KILLED = """
import os, signal, sys
from pathlib import Path
from tests.servers.postgresql import Postgresql
from tests.servers.processes import start

sleeper = start(["sleep", "300"], Path(sys.argv[1]) / "log", lambda: True)
server = Postgresql()
print(sleeper.pid, server.pid, server.folder, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_servers_end_when_the_tests_are_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    killed = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=60, check=False)
    *pids, folder = killed.stdout.split()
    assert len(pids) == 2
    end = time.monotonic() + 20
    while any(_runs(pid) for pid in pids):
        assert time.monotonic() < end, f"{pids} outlived the tests"
        time.sleep(0.1)
    shutil.rmtree(folder)


def test_a_server_that_does_not_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(Absent, match="no such thing"):
        start(["sh", "-c", "echo no such thing >&2; exit 3"], tmp_path / "log", lambda: False)


@pytest.mark.parametrize("name", ["CI", "SLIPWAY_REQUIRE_TEST_SERVERS"])
def test_an_absent_server_is_a_skip_but_fails_where_it_must_be(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for one in ("CI", "SLIPWAY_REQUIRE_TEST_SERVERS"):
        monkeypatch.delenv(one, raising=False)
    with pytest.raises(pytest.skip.Exception, match="NOT TESTED: no node"):
        require(Absent("no node"))
    monkeypatch.setenv(name, "1")
    with pytest.raises(pytest.fail.Exception, match="no node"):
        require(Absent("no node"))


def _runs(pid: str) -> bool:
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"
