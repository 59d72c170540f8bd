"""What ``slipway status`` shows a person."""

from collections.abc import Iterable

from registry.cli.output import console, table, when
from registry.core.deploying.endpoints import RevisionState
from serving.embedded.disk import DiskView
from serving.embedded.observation import CrewView, ProcessView, ReplicaView, WorkspaceView
from serving.embedded.standing import DeploymentView
from serving.policy.replicas import readiness
from serving.wire.replica import ReplicaState

_REPLICAS = ("replica", "deployment", "is", "in flight", "pid", "memory", "since", "until", "provider")
_CREWS = ("crew", "pid", "memory", "since")
_DISK = ("disk", "size", "unused")


def show_status(seen: WorkspaceView) -> None:
    """Print the processes, the replicas, and what a person should look at."""
    rows = [_process_row(process) for process in (seen.runner, *seen.processes)]
    if seen.other_bytes:
        rows.append(("others", "running", "", _megabytes(seen.other_bytes), "", "what those that are gone have left"))
    rows.append(("all", "", "", _megabytes(seen.memory_bytes), "", "with what is below; shared pages in parts"))
    console.print(table(("process", "state", "pid", "memory", "up", "address"), rows))
    _show(_REPLICAS, map(_replica_row, seen.replicas))
    _show(_CREWS, map(_crew_row, seen.crews))
    _show(_DISK, map(_disk_row, seen.disk))
    if remarks := _remarks(seen):
        console.print()
        for remark in remarks:
            console.print(remark, style="yellow", highlight=False, markup=False, soft_wrap=True)


def _show(headings: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    if held := list(rows):
        console.print()
        console.print(table(headings, held))


def _remarks(seen: WorkspaceView) -> list[str]:
    remarks = [text for view in seen.deployments for text in _remarks_on(view)]
    remarks += [_ending(replica) for replica in seen.replicas if replica.restarts]
    if seen.is_orphaned:
        remarks.append("the runner is gone: nothing that dies is started again; `slipway up` adopts what runs")
    return remarks


def _remarks_on(view: DeploymentView) -> list[str]:
    name, remarks = f"{view.endpoint}/{view.deployment}", []
    if view.live is not None and view.ready < view.wanted:
        remarks.append(f"{name}: {readiness(view.ready, view.wanted // view.workers, view.workers)}")
    remarks += [
        f"{name}: revision {revision.number} stays warm for undo until {when(revision.warm_until_ms)}"
        for revision in view.revisions
        if revision.state is RevisionState.WARM
    ]
    if view.expires_ms is not None:
        remarks.append(f"{name} is deleted by itself at {when(view.expires_ms)}")
    if view.failed is not None:
        still = f"; revision {view.live} is live" if view.live is not None else ""
        remarks.append(f"{name}: revision {view.failed} failed: {view.message or 'it never became ready'}{still}")
    return remarks


def _ending(replica: ReplicaView) -> str:
    """Say that the process before a replica's ended, when and how."""
    name = f"{replica.endpoint}/{replica.deployment}"
    times = "once" if replica.restarts == 1 else f"{replica.restarts} times"
    return f"{name}: {replica.replica} was started again {times}; at {when(replica.ended_ms)} {replica.ended}"


def _process_row(process: ProcessView) -> tuple[str, ...]:
    pid, memory = str(process.pid or "-"), _megabytes(process.memory_bytes)
    return process.name, process.state, pid, memory, _duration(process.uptime_s), process.address


def _replica_row(replica: ReplicaView) -> tuple[str, ...]:
    deployment = f"{replica.endpoint}/{replica.deployment} revision {replica.revision}"
    if replica.worker_count > 1:
        deployment += f", one of {replica.worker_count} workers"
    pid, memory = str(replica.pid or "-"), _megabytes(replica.memory_bytes)
    provider = replica.provider.removesuffix("ExecutionProvider") or "-"
    state = replica.role if replica.state in (ReplicaState.READY, replica.role) else f"{replica.role}, {replica.state}"
    since, until = when(replica.since_ms), when(replica.until_ms)
    return replica.replica, deployment, state, str(replica.in_flight), pid, memory, since, until, provider


def _crew_row(crew: CrewView) -> tuple[str, ...]:
    return crew.backend, str(crew.pid), _megabytes(crew.memory_bytes), when(crew.since_ms)


def _disk_row(disk: DiskView) -> tuple[str, ...]:
    return disk.what, _megabytes(disk.bytes), _megabytes(disk.unused_bytes)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.0f} MB" if size else "-"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02d}m" if hours else f"{minutes}m{rest:02d}s"
