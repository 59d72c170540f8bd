"""Any one process is killed with SIGKILL while requests flow."""

import contextlib
import json
import os
import signal
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.town import Steady, Town, eventually, has_ended

pytestmark = pytest.mark.e2e


def test_a_killed_scoring_process_costs_no_request_with_two_replicas_and_comes_back(town: Town) -> None:
    victim = town.replicas("blue")[0]
    with Steady(town) as load:
        load.wait_for(10)
        os.kill(victim["pid"], signal.SIGKILL)
        eventually(lambda: victim["replica"] not in {r["replica"] for r in town.replicas("blue")})
        eventually(lambda: len(town.replicas("blue")) == 2)
        load.wait_for(20)
    assert set(load.statuses) == {200}


def test_a_killed_haproxy_is_back_with_the_same_routes_and_its_lines_are_kept(town: Town) -> None:
    record = town.home / "workspace" / "edge" / "haproxy.json"

    def serving() -> int:
        return int(json.loads(record.read_bytes())["serving"]["pid"])

    with Steady(town) as load:
        load.wait_for(10)
        pid = serving()
        os.kill(pid, signal.SIGKILL)
        load.wait_for(30)
        answered = load.statuses[200]
    assert serving() != pid
    assert load.statuses[0] <= 2  # what was in flight; nobody is refused meanwhile
    assert answered > 30


@pytest.mark.parametrize("process", ["controller", "registry", "telemetry", "edge"])
def test_a_killed_service_costs_no_request_and_is_started_again(town: Town, process: str) -> None:
    pid = town.pid_of(process)
    with Steady(town) as load:
        load.wait_for(10)
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: town.pid_of(process) != pid)
        load.wait_for(50)
    assert set(load.statuses) == {200}
    eventually(lambda: _is_well(town), within_s=60.0)


def test_a_killed_supervisor_takes_its_process_along_and_another_is_started(town: Town) -> None:
    victim = _living(town)[0]
    with Steady(town) as load:
        load.wait_for(10)
        os.kill(_parent(victim["pid"]), signal.SIGKILL)
        eventually(lambda: has_ended(victim["pid"]))
        eventually(lambda: len(_living(town)) == 2)
        load.wait_for(20)
    assert set(load.statuses) == {200}


@pytest.mark.parametrize("generations", [2, 3], ids=["crew", "serve_replica"])
def test_replicas_of_a_killed_crew_drain_and_serve_starts_another(town: Town, generations: int) -> None:
    eventually(lambda: len(_living(town)) == 2)
    victim = _living(town)[0]
    pid = victim["pid"]
    for _ in range(generations):
        pid = _parent(pid)
    with Steady(town) as load:
        load.wait_for(10)
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: has_ended(victim["pid"]))
        eventually(lambda: len(_living(town)) == 2, within_s=60.0)
        load.wait_for(20)
    assert set(load.statuses) == {200}


@pytest.mark.parametrize("process", ["gcs_server", "raylet"])
def test_a_killed_ray_is_started_again_with_everything_that_was_deployed(town: Town, process: str) -> None:
    before = {replica["replica"] for replica in town.replicas("blue")}
    os.kill(_pid_of_command(town, process), signal.SIGKILL)
    eventually(lambda: len({r["replica"] for r in town.replicas("blue")} - before) == 2, within_s=90.0)
    with Steady(town) as load:
        load.wait_for(20)


def test_a_killed_driver_is_started_again(town: Town) -> None:
    pid = _pid_of_command(town, "serving.cluster.driver")
    with Steady(town) as load:
        load.wait_for(10)
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: _pid_of_command(town, "serving.cluster.driver") not in (pid, 0))
        load.wait_for(20)
    assert set(load.statuses) == {200}


def _living(town: Town) -> list[dict[str, Any]]:
    """Return the ready replicas of blue without those that were killed, which are listed for some seconds more."""
    return [replica for replica in town.replicas("blue") if not has_ended(replica["pid"])]


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def _pid_of_command(town: Town, word: str) -> int:
    """Return the workspace's process with a word in its command line; 0 if there is none."""
    for pid in town.status()["pids"]:
        with contextlib.suppress(OSError):
            command = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
            if any(part.rpartition("/")[2] == word for part in command):
                return int(pid)
    return 0


def _is_well(town: Town) -> bool:
    try:
        health = httpx.get(f"http://127.0.0.1:{town.ports['controller']}/health", trust_env=False)
    except httpx.HTTPError:
        return False
    return health.status_code == 200 and bool(health.json()["agents"])
