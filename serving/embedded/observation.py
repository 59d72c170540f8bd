"""What runs, as it is at this moment: processes from /proc, replicas from the controller, deployments as they stand."""

import time

import httpx
import msgspec

from serving.embedded.disk import DiskView, disk_of
from serving.embedded.memory import crew_owner, crews_among, memory_by_owner
from serving.embedded.paths import WorkspacePaths
from serving.embedded.plan import HOST, WorkspaceFile, plan_processes
from serving.embedded.records import ProcessRecord, is_alive, left_behind, read_records
from serving.embedded.standing import DeploymentView, view_deployments
from serving.embedded.workspace import holder_of_workspace
from serving.node.proc import began_ms, read_stat
from serving.wire.replica import ReplicaReport, ReplicaState

RUNNER = "up"


class ProcessView(msgspec.Struct, frozen=True, kw_only=True):
    """``memory_bytes`` is the proportional set size of the process and of what it started, without replicas."""

    name: str
    state: str  # running, stopped
    pid: int | None
    memory_bytes: int
    uptime_s: float | None
    address: str


class ReplicaView(ReplicaReport, frozen=True, kw_only=True):
    """``memory_bytes`` is the proportional set size of the scoring process and of its supervisor.

    ``role`` is why it runs: its revision is live, starting or warm; or it is draining, restarting, failed; or leaving,
    since nobody wants it any more. ``since_ms`` is when its process began, ``until_ms`` when it goes by itself.
    """

    memory_bytes: int = 0
    role: str = ""
    since_ms: int | None = None
    until_ms: int | None = None


class CrewView(msgspec.Struct, frozen=True, kw_only=True):
    """A Ray actor of a revision, with its crew, and what the crew has forked that is no replica yet, or no longer."""

    backend: str
    pid: int
    memory_bytes: int
    since_ms: int | None


class WorkspaceView(msgspec.Struct, frozen=True, kw_only=True):
    """``runner`` is the ``slipway up`` that starts again what dies; it is stopped when it was killed, or is not needed.

    ``pids`` are all processes of the workspace but the runner, with those that Ray and the edge started;
    ``memory_bytes`` is what all take together, ``other_bytes`` what of it belongs to none that is listed here.
    """

    url: str
    edge_url: str
    grpc_address: str
    runner: ProcessView
    memory_bytes: int
    processes: list[ProcessView]
    replicas: list[ReplicaView]
    crews: list[CrewView]
    other_bytes: int
    disk: list[DiskView]
    deployments: list[DeploymentView]
    pids: list[int]

    @property
    def is_orphaned(self) -> bool:
        """Say whether something runs that nobody would start again."""
        return self.runner.pid is None and any(process.pid for process in self.processes)


class _Replicas(msgspec.Struct):
    replicas: list[ReplicaView]


def observe_workspace(paths: WorkspacePaths, workspace: WorkspaceFile) -> WorkspaceView:
    """Look at every process of the workspace."""
    records = {name: record for name, record in read_records(paths.run).items() if is_alive(record)}
    controller_url = f"http://{HOST}:{workspace.ports.controller}"
    replicas = view_replicas(controller_url) if "controller" in records else []
    runner = holder_of_workspace(paths)
    pids = sorted(left_behind(list(records.values()), workspace.instance))
    crews = crews_among(pids)
    owners = _owned_by_replicas(replicas, pids) | {record.pid: name for name, record in records.items()}
    owners |= {pid: crew_owner(pid) for pid in crews}
    owners |= {runner: RUNNER} if runner else {}
    memory = memory_by_owner({*pids, runner or 0}, owners)
    deployments = view_deployments(workspace.url, replicas) if "registry" in records else []
    addresses = {
        "registry": workspace.url,
        "controller": controller_url,
        "telemetry": f"http://{HOST}:{workspace.ports.telemetry}",
        "edge": f"http://{HOST}:{workspace.ports.http}, grpc {HOST}:{workspace.ports.grpc}",
    }
    return WorkspaceView(
        url=workspace.url,
        edge_url=f"http://{HOST}:{workspace.ports.http}",
        grpc_address=f"{HOST}:{workspace.ports.grpc}",
        runner=ProcessView(
            name=RUNNER,
            state="running" if runner else "stopped",
            pid=runner,
            memory_bytes=memory[RUNNER],
            uptime_s=None,
            address="",
        ),
        memory_bytes=memory.total(),
        processes=[
            _process(plan.name, records.get(plan.name), memory[plan.name], addresses.get(plan.name, ""))
            for plan in plan_processes(paths, workspace)
        ],
        replicas=[_replica(one, memory[one.replica], deployments) for one in replicas],
        crews=[
            CrewView(backend=name, pid=pid, memory_bytes=memory[crew_owner(pid)], since_ms=began_ms(pid))
            for pid, name in sorted(crews.items(), key=lambda crew: (crew[1], crew[0]))
        ],
        other_bytes=memory[""],
        disk=disk_of(paths),
        deployments=deployments,
        pids=pids,
    )


def view_replicas(controller_url: str) -> list[ReplicaView]:
    """Return the replicas that have been heard of; a controller remembers those of its earlier life, without word."""
    try:
        answer = httpx.get(f"{controller_url}/v1/replicas", timeout=2.0, trust_env=False)
        replicas = msgspec.json.decode(answer.content, type=_Replicas).replicas
    except (httpx.HTTPError, msgspec.MsgspecError):
        return []  # the controller is away, which the processes show
    return [replica for replica in replicas if replica.supervisor]


def _process(name: str, record: ProcessRecord | None, memory: int, address: str) -> ProcessView:
    return ProcessView(
        name=name,
        state="running" if record else "stopped",
        pid=record.pid if record else None,
        memory_bytes=memory,
        uptime_s=time.time() - record.started_ms / 1000 if record else None,
        address=address,
    )


def _replica(replica: ReplicaView, memory: int, deployments: list[DeploymentView]) -> ReplicaView:
    deployment = next(
        (one for one in deployments if (one.endpoint, one.deployment) == (replica.endpoint, replica.deployment)), None
    )
    revision = (
        next((one for one in deployment.revisions if one.number == replica.revision), None) if deployment else None
    )
    role = str(revision.state) if revision else "leaving"
    if replica.state in (ReplicaState.DRAINING, ReplicaState.RESTARTING, ReplicaState.FAILED):
        role = str(replica.state)
    ends = [revision.warm_until_ms if revision else None, deployment.expires_ms if deployment else None]
    return msgspec.structs.replace(
        replica,
        memory_bytes=memory,
        role=role,
        since_ms=began_ms(replica.pid),
        until_ms=min((at for at in ends if at is not None), default=None),
    )


def _owned_by_replicas(replicas: list[ReplicaView], pids: list[int]) -> dict[int, str]:
    """Return the pids of scoring processes and of the supervisors that started them."""
    owned = {}
    for replica in replicas:
        stat = read_stat(replica.pid) if replica.pid in pids else None
        if stat is not None:
            owned[stat.pid] = replica.replica
            owned |= {stat.parent: replica.replica} if stat.parent in pids else {}
    return owned
