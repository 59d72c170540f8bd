"""Taking a workspace down when its files are not what they were."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from registry.core.errors import InvalidInput
from serving.embedded.paths import WorkspacePaths, workspace_paths
from serving.embedded.records import INSTANCE_VARIABLE, ProcessRecord, write_record
from serving.embedded.workspace import read_up_state, read_workspace_file, take_down
from serving.node.proc import start_ticks

# A recorded process, and an unrecorded child in a session of its own: only the mark tells whose it is.
PARENT = (
    "import subprocess, sys, time;"
    "print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], start_new_session=True,"
    " stdout=subprocess.DEVNULL).pid, flush=True); time.sleep(60)"
)


@pytest.fixture
def paths(tmp_path: Path) -> WorkspacePaths:
    paths = workspace_paths(tmp_path / "workspace")
    paths.home.mkdir()
    return paths


@pytest.fixture
def child(paths: WorkspacePaths) -> Iterator[int]:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT],
        env=os.environ | {INSTANCE_VARIABLE: f"mark-{os.getpid()}"},
        stdout=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )
    assert parent.stdout is not None
    orphan = int(parent.stdout.readline())
    ticks = start_ticks(parent.pid)
    record = ProcessRecord(
        name="registry", pid=parent.pid, start_ticks=ticks, argv=[], log_path="", started_ms=int(time.time() * 1000)
    )
    write_record(paths.run, record)
    yield orphan
    parent.kill()
    parent.wait()
    if start_ticks(orphan):
        os.kill(orphan, 9)


@pytest.mark.parametrize("content", [None, b"", b'{"instance": 3'])
def test_a_lost_or_damaged_workspace_file_keeps_nothing_alive(
    paths: WorkspacePaths, child: int, content: bytes | None
) -> None:
    if content is not None:
        paths.workspace_file.write_bytes(content)
        with pytest.raises(InvalidInput, match="slipway down"):
            read_workspace_file(paths)
    assert take_down(paths)
    assert not start_ticks(child)
    assert not take_down(paths)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[]"])
def test_a_damaged_state_of_up_is_as_none(paths: WorkspacePaths, content: bytes) -> None:
    (paths.home / "up.json").write_bytes(content)
    assert read_up_state(paths) is None
    assert not take_down(paths)
