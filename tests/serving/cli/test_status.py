"""``slipway status`` of a workspace whose registry and controller are the test's own."""

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest

from serving.cluster.head import RayPorts
from serving.embedded.paths import workspace_paths
from serving.embedded.plan import Ports, WorkspaceFile
from serving.embedded.records import ProcessRecord, write_record
from serving.embedded.workspace import UpState
from serving.node.proc import start_ticks

Slipway = Callable[..., "subprocess.CompletedProcess[str]"]

REVISION = {
    "image": "cancer-onnx:1",
    "image_digest": "sha256:0",
    "instance_count": 2,
    "request_settings": {},
    "environment_variables": {},
    "retry": "once",
    "models": {},
    "activity_id": "a",
    "created_ms": 1,
}
LIVE, FAILED = (
    REVISION | {"number": 4, "state": "live"},
    REVISION | {"number": 5, "state": "failed", "message": "[boom]"},
)
REPLICA = {"endpoint": "cancer", "deployment": "blue", "revision": 4, "state": "ready"}
GONE = "the runner is gone: nothing that dies is started again; `slipway up` adopts what runs"


@pytest.fixture
def home(house: Any, tmp_path: Path) -> Path:
    """A workspace with registry and controller, which are this process."""
    paths = workspace_paths(tmp_path / "workspace")
    port = urlsplit(house.url).port
    ports = Ports(registry=port, controller=port)
    known = WorkspaceFile(instance="nobody", url=house.url, ports=ports, ray=RayPorts(gcs=1, client=2, agent=3))
    paths.home.mkdir()
    paths.workspace_file.write_bytes(msgspec.json.encode(known))
    for name in ("registry", "controller"):
        ticks = start_ticks(os.getpid())
        record = ProcessRecord(name=name, pid=os.getpid(), start_ticks=ticks, argv=[], log_path="", started_ms=1)
        write_record(paths.run, record)
    endpoint = {"name": "cancer", "traffic": {"blue": 100}, "salt": "s", "created_ms": 1, "updated_ms": 1}
    house.answers["/api/v1/endpoints"] = (200, {"endpoints": [endpoint]})
    return paths.home


def deploy(house: Any, *revisions: dict[str, Any], replicas: list[dict[str, Any]]) -> None:
    blue = {"endpoint": "cancer", "name": "blue", "revisions": revisions, "created_ms": 1, "updated_ms": 1}
    house.answers["/api/v1/endpoints/cancer/deployments"] = (200, {"deployments": [blue]})
    house.answers["/v1/replicas"] = (200, {"replicas": replicas})


def test_a_runner_that_is_gone_is_said(slipway: Slipway, house: Any, home: Path) -> None:
    deploy(house, replicas=[])
    assert GONE in slipway("status").stdout
    seen = json.loads(slipway("status", "-o", "json").stdout)
    assert (seen["runner"]["state"], seen["runner"]["pid"]) == ("stopped", None)
    state = UpState(pid=os.getppid(), start_ticks=start_ticks(os.getppid()), states={})
    (home / "up.json").write_bytes(msgspec.json.encode(state))
    assert GONE not in slipway("status").stdout
    seen = json.loads(slipway("status", "-o", "json").stdout)
    assert seen["runner"]["pid"] == os.getppid()
    assert seen["memory_bytes"] >= seen["runner"]["memory_bytes"] > 0


def test_a_deployment_that_loads_or_has_failed_is_said(slipway: Slipway, house: Any, home: Path) -> None:
    remembered = REPLICA | {"replica": "blue-4-0", "supervisor": ""}
    heard = REPLICA | {"replica": "blue-4-1", "supervisor": "s"}
    deploy(house, LIVE, FAILED, replicas=[remembered, heard])
    shown = slipway("status").stdout
    assert "cancer/blue: 1 of 2 replicas ready\n" in shown
    assert "cancer/blue: revision 5 failed: [boom]; revision 4 is live\n" in shown
    assert "blue-4-0" not in shown  # nobody has heard of it since the controller began
    (view,) = json.loads(slipway("status", "-o", "json").stdout)["deployments"]
    assert (view["live"], view["wanted"], view["ready"], view["failed"]) == (4, 2, 1, 5)


def test_replicas_of_several_workers_are_well_when_all_of_them_are(slipway: Slipway, house: Any, home: Path) -> None:
    of_two = [REPLICA | {"replica": f"blue-4-{n}", "supervisor": "s", "worker_count": 2} for n in (1, 2, 3, 4)]
    deploy(house, LIVE | {"worker_count": 2}, replicas=of_two[:3])
    shown = slipway("status").stdout
    assert "cancer/blue: 3 of 4 workers of 2 replicas ready\n" in shown
    assert "cancer/blue revision 4, one of 2 workers" in shown
    deploy(house, LIVE | {"worker_count": 2}, replicas=of_two)
    assert "cancer/blue:" not in slipway("status").stdout


def test_what_is_well_is_not_remarked_on(slipway: Slipway, house: Any, home: Path) -> None:
    deploy(house, LIVE, replicas=[REPLICA | {"replica": f"blue-4-{n}", "supervisor": "s"} for n in (1, 2)])
    assert "cancer/blue:" not in slipway("status").stdout


def test_a_registry_that_is_away_leaves_the_rest_to_be_seen(slipway: Slipway, house: Any, home: Path) -> None:
    house.answers["/api/v1/endpoints"] = (500, "out of order")
    house.answers["/v1/replicas"] = (200, {"replicas": [REPLICA | {"replica": "blue-4-1", "supervisor": "s"}]})
    done = slipway("status")
    assert (done.returncode, "blue-4-1" in done.stdout) == (0, True)


def test_a_process_that_ended_is_said_with_when_and_how(slipway: Slipway, house: Any, home: Path) -> None:
    ended = {"ended": "the scoring process was killed by SIGSEGV while it worked on request r-1", "ended_ms": 1}
    again = REPLICA | ended | {"replica": "blue-4-1", "supervisor": "s", "restarts": 3}
    deploy(house, LIVE, replicas=[again, REPLICA | {"replica": "blue-4-2", "supervisor": "t"}])
    (remark,) = [line for line in slipway("status").stdout.splitlines() if line.startswith("cancer/blue:")]
    assert remark.startswith("cancer/blue: blue-4-1 was started again 3 times; at ")
    assert remark.endswith(" the scoring process was killed by SIGSEGV while it worked on request r-1")
    (view, _) = json.loads(slipway("status", "-o", "json").stdout)["replicas"]
    assert (view["restarts"], view["ended_ms"]) == (3, 1)


def test_what_costs_memory_is_shown_with_why_it_runs_and_until_when(slipway: Slipway, house: Any, home: Path) -> None:
    warm = REVISION | {"number": 3, "state": "warm", "warm_until_ms": 86_400_000}
    endpoint = {"name": "cancer", "traffic": {"blue": 100}, "salt": "s", "created_ms": 1, "updated_ms": 1}
    house.answers["/api/v1/endpoints"] = (200, {"endpoints": [endpoint | {"expires_ms": 172_800_000}]})
    states = {2: "ready", 3: "ready", 4: "ready", 5: "draining"}
    replicas = [
        REPLICA | {"replica": f"blue-{number}", "supervisor": "s", "revision": number, "state": state}
        for number, state in states.items()
    ]
    deploy(house, warm, LIVE | {"instance_count": 1}, replicas=replicas)
    shown = slipway("status").stdout
    assert "cancer/blue: revision 3 stays warm for undo until 1970-01-02 00:00:00Z\n" in shown
    assert "cancer/blue is deleted by itself at 1970-01-03 00:00:00Z\n" in shown
    seen = json.loads(slipway("status", "-o", "json").stdout)
    assert [(one["role"], one["until_ms"]) for one in seen["replicas"]] == [
        ("leaving", 172_800_000),
        ("warm", 86_400_000),
        ("live", 172_800_000),
        ("draining", 172_800_000),
    ]
    assert {one["what"] for one in seen["disk"]} == {"images on this machine", "environments", "telemetry", "logs"}


def test_a_replica_tells_since_when_its_process_runs(slipway: Slipway, house: Any, home: Path) -> None:
    mine = REPLICA | {"replica": "blue-4-1", "supervisor": "s", "pid": os.getpid()}
    deploy(house, LIVE | {"instance_count": 1}, replicas=[mine])
    (seen,) = json.loads(slipway("status", "-o", "json").stdout)["replicas"]
    assert 0 <= time.time() - seen["since_ms"] / 1000 < 7_200
