import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from serving.embedded.records import (
    INSTANCE_VARIABLE,
    ProcessRecord,
    end,
    is_alive,
    left_behind,
    read_records,
    write_record,
)
from serving.node.proc import start_ticks

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
# A process whose child starts a session of its own and outlives it, marked by the environment alone.
ORPHAN = [
    sys.executable,
    "-c",
    "import subprocess, sys\n"
    "sleep = [sys.executable, '-c', 'import time; time.sleep(60)']\n"
    "print(subprocess.Popen(sleep, stdout=subprocess.DEVNULL, start_new_session=True).pid, flush=True)",
]


def record_of(child: "subprocess.Popen[bytes]") -> ProcessRecord:
    return ProcessRecord(
        name="one", pid=child.pid, start_ticks=start_ticks(child.pid), argv=SLEEP, log_path="", started_ms=0
    )


@pytest.fixture
def sleeper() -> Iterator["subprocess.Popen[bytes]"]:
    child = subprocess.Popen(SLEEP, start_new_session=True)
    yield child
    child.kill()
    child.wait()


def test_a_record_survives_writing(tmp_path: Path, sleeper: "subprocess.Popen[bytes]") -> None:
    record = record_of(sleeper)
    write_record(tmp_path, record)
    assert read_records(tmp_path) == {"one": record}


def test_half_a_record_is_no_record(tmp_path: Path) -> None:
    (tmp_path / "one.json").write_bytes(b'{"name": "one"')
    assert read_records(tmp_path) == {}


def test_a_pid_used_again_is_not_ours(sleeper: "subprocess.Popen[bytes]") -> None:
    record = record_of(sleeper)
    assert is_alive(record)
    assert not is_alive(replace(record, start_ticks=record.start_ticks - 1))


def test_a_dead_process_that_nobody_collected_is_not_alive(sleeper: "subprocess.Popen[bytes]") -> None:
    record = record_of(sleeper)
    sleeper.kill()
    os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)
    assert not is_alive(record)


def test_what_carries_the_mark_is_found_and_ended() -> None:
    environment = os.environ | {INSTANCE_VARIABLE: "test-of-records"}
    done = subprocess.run(ORPHAN, env=environment, stdout=subprocess.PIPE, check=True)
    orphan = int(done.stdout)
    assert left_behind([], "test-of-records") == [orphan]
    end([orphan], grace_s=5.0)
    assert left_behind([], "test-of-records") == []


def test_members_of_a_recorded_session_are_found(sleeper: "subprocess.Popen[bytes]") -> None:
    assert sleeper.pid in left_behind([record_of(sleeper)], "nothing carries this")
