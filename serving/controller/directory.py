"""The directory of live replicas: the latest report of each, and when it came."""

from collections.abc import Iterable

from serving.policy.replicas import SILENT_AFTER_S
from serving.wire.replica import ReplicaReport, ReplicaState
from serving.wire.routing import RoutingTable, ServerState, backend_name

_OVER = (ReplicaState.GONE,)
FAILED_KEPT_S = 600.0


class Directory:
    """Time is an argument everywhere: ``now_s`` is a monotonic clock's reading in seconds."""

    def __init__(self) -> None:
        self._reports: dict[str, tuple[ReplicaReport, float]] = {}

    def remember(self, table: RoutingTable, now_s: float) -> None:
        """Take the servers of a table left by an earlier life as heard just now, so that a restart removes nobody."""
        for backend in table.backends:
            endpoint, deployment, revision = backend.name.split(".")
            for server in backend.servers:
                ready = server.state is ServerState.READY
                report = ReplicaReport(
                    replica=server.id,
                    supervisor="",
                    endpoint=endpoint,
                    deployment=deployment,
                    revision=int(revision),
                    state=ReplicaState.READY if ready else ReplicaState.DRAINING,
                    http_address=server.http_address,
                    grpc_address=server.grpc_address,
                )
                self._reports[server.id] = (report, now_s)

    def record(self, report: ReplicaReport, now_s: float) -> bool:
        """Store a report; say whether it changes anything but the load figures."""
        known = self._reports.get(report.replica)
        if report.state in _OVER:
            return self._reports.pop(report.replica, None) is not None
        self._reports[report.replica] = (report, now_s)
        return known is None or _essence(known[0]) != _essence(report)

    def forget_silent(self, now_s: float) -> list[ReplicaReport]:
        """Drop and return the replicas not heard of for ``SILENT_AFTER_S`` (failed ones stay readable for longer)."""
        silent = [
            report
            for report, heard_s in self._reports.values()
            if now_s - heard_s > (FAILED_KEPT_S if report.state is ReplicaState.FAILED else SILENT_AFTER_S)
        ]
        for report in silent:
            del self._reports[report.replica]
        return silent

    def all(self) -> list[ReplicaReport]:
        """Return every report, ordered by replica."""
        return [self._reports[replica][0] for replica in sorted(self._reports)]

    def of_backend(self, name: str) -> list[ReplicaReport]:
        """Return the reports of one revision, ordered by replica."""
        return [r for r in self.all() if backend_name(r.endpoint, r.deployment, r.revision) == name]

    def forget_failed_except(self, backends: Iterable[str]) -> None:
        """Drop failures of revisions that are no longer desired."""
        kept = set(backends)
        for report in self.all():
            name = backend_name(report.endpoint, report.deployment, report.revision)
            if report.state is ReplicaState.FAILED and name not in kept:
                del self._reports[report.replica]


def _essence(report: ReplicaReport) -> tuple[object, ...]:
    return (report.state, report.http_address, report.grpc_address, report.message, report.error)
