"""What runs, as it is at this moment: processes from /proc, replicas from the controller."""

import time
from pathlib import Path

import httpx
import msgspec

from serving.embedded.paths import WorkspacePaths
from serving.embedded.plan import HOST, WorkspaceFile, plan_processes
from serving.embedded.records import is_alive, left_behind, read_records
from serving.wire.replica import ReplicaReport


class ProcessView(msgspec.Struct, frozen=True, kw_only=True):
    """``memory_bytes`` is the proportional set size of the process alone."""

    name: str
    state: str  # running, stopped
    pid: int | None
    memory_bytes: int
    uptime_s: float | None
    address: str


class WorkspaceView(msgspec.Struct, frozen=True, kw_only=True):
    """``pids`` are all processes of the workspace, with those that Ray and the edge started."""

    url: str
    edge_url: str
    grpc_address: str
    processes: list[ProcessView]
    replicas: list[ReplicaReport]
    pids: list[int]


class _Replicas(msgspec.Struct):
    replicas: list[ReplicaReport]


def observe_workspace(paths: WorkspacePaths, workspace: WorkspaceFile) -> WorkspaceView:
    """Look at every process of the workspace."""
    records = read_records(paths.run)
    addresses = {
        "registry": workspace.url,
        "controller": f"http://{HOST}:{workspace.ports.controller}",
        "telemetry": f"http://{HOST}:{workspace.ports.telemetry}",
        "edge": f"http://{HOST}:{workspace.ports.http}, grpc {HOST}:{workspace.ports.grpc}",
    }
    processes = []
    for plan in plan_processes(paths, workspace):
        record = records.get(plan.name)
        alive = record is not None and is_alive(record)
        processes.append(
            ProcessView(
                name=plan.name,
                state="running" if alive else "stopped",
                pid=record.pid if record and alive else None,
                memory_bytes=memory_bytes(record.pid) if record and alive else 0,
                uptime_s=time.time() - record.started_ms / 1000 if record and alive else None,
                address=addresses.get(plan.name, ""),
            )
        )
    return WorkspaceView(
        url=workspace.url,
        edge_url=f"http://{HOST}:{workspace.ports.http}",
        grpc_address=f"{HOST}:{workspace.ports.grpc}",
        processes=processes,
        replicas=_replicas(addresses["controller"]),
        pids=sorted(left_behind(list(records.values()), workspace.instance)),
    )


def memory_bytes(pid: int) -> int:
    """Return a process' proportional set size in bytes (proc(5), smaps_rollup); 0 if it can't be read."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        return 0
    return 0


def _replicas(controller_url: str) -> list[ReplicaReport]:
    try:
        answer = httpx.get(f"{controller_url}/v1/replicas", timeout=2.0, trust_env=False)
        return msgspec.json.decode(answer.content, type=_Replicas).replicas
    except (httpx.HTTPError, msgspec.MsgspecError):
        return []  # the controller is away, which the table above shows
