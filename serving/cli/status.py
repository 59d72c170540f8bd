"""What ``slipway status`` shows a person."""

from registry.cli.output import console, table, when
from serving.embedded.observation import ProcessView, ReplicaView, WorkspaceView
from serving.embedded.standing import DeploymentView
from serving.policy.replicas import readiness


def show_status(seen: WorkspaceView) -> None:
    """Print the processes, the replicas, and what a person should look at."""
    rows = [_process_row(process) for process in (seen.runner, *seen.processes)]
    rows.append(("all", "", "", _megabytes(seen.memory_bytes), "", ""))
    console.print(table(("process", "state", "pid", "memory", "up", "address"), rows))
    if seen.replicas:
        console.print()
        headings = ("replica", "deployment", "state", "in flight", "pid", "memory", "provider")
        console.print(table(headings, map(_replica_row, seen.replicas)))
    if remarks := _remarks(seen):
        console.print()
        for remark in remarks:
            console.print(remark, style="yellow", highlight=False, markup=False, soft_wrap=True)


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
    return replica.replica, deployment, replica.state, str(replica.in_flight), pid, memory, provider


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.0f} MB" if size else "-"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02d}m" if hours else f"{minutes}m{rest:02d}s"
