"""The workspace's own life: up, killed, adopted, down."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from serving.embedded.records import left_behind, read_records
from tests.e2e.town import SLIPWAY, Town, eventually, has_ended

pytestmark = pytest.mark.e2e


@pytest.fixture
def village(tmp_path: Path) -> Iterator[Town]:
    village = Town(tmp_path)
    yield village
    village.slipway("down", check=False)


def everything_of(town: Town) -> list[int]:
    home = town.home / "workspace"
    instance = json.loads((home / "workspace.json").read_bytes())["instance"]
    return left_behind(list(read_records(home / "run").values()), instance)


def test_a_killed_holder_leaves_all_running_and_the_next_adopts_or_ends_it(village: Town) -> None:
    village.up()
    before = {process["name"]: process["pid"] for process in village.status()["processes"]}
    holder = json.loads((village.home / "workspace" / "up.json").read_bytes())["pid"]
    os.kill(holder, signal.SIGKILL)
    eventually(lambda: has_ended(holder))

    village.up()
    after = {process["name"]: process["pid"] for process in village.status()["processes"]}
    assert after == before
    again = village.slipway("up", *(f"--{name}-port={port}" for name, port in village.ports.items()), check=False)
    assert again.returncode == 1
    assert "is up already" in again.stderr

    holder = json.loads((village.home / "workspace" / "up.json").read_bytes())["pid"]
    os.kill(holder, signal.SIGKILL)
    eventually(lambda: has_ended(holder))
    assert everything_of(village)
    village.slipway("down")  # from another terminal, as it were
    assert everything_of(village) == []


def test_ctrl_c_ends_everything(village: Town) -> None:
    options = [f"--{name}-port={port}" for name, port in village.ports.items()]
    process = subprocess.Popen(
        [SLIPWAY, "up", *options], env=village.environment, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "registry ready" in line:
            break
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 0
    process.stdout.close()
    assert everything_of(village) == []
