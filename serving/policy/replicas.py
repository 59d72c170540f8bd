"""What the replicas' reports mean for a revision: is it ready, has it failed, how far is it. Pure."""

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from registry.core.counts import count
from registry.core.deploying.desired import DesiredRevision
from serving.wire.replica import ReplicaReport, ReplicaState

SILENT_AFTER_S = 10.0  # a replica not heard of for so long is given up; HAProxy's own checks act long before


class Verdict(StrEnum):
    WAITING = "waiting"
    READY = "ready"
    FAILED = "failed"


class Judgement(msgspec.Struct, frozen=True):
    """``progress`` lies between 0.0 and 1.0; ``message`` is for a person."""

    verdict: Verdict
    progress: float
    message: str


_PROGRESS = {ReplicaState.PREPARING: 0.3, ReplicaState.STARTING: 0.6, ReplicaState.READY: 1.0}


def judge(revision: DesiredRevision, reports: Sequence[ReplicaReport]) -> Judgement:
    """Judge a starting revision: ready when all workers of its replicas are, failed when one of them failed."""
    failed = next((report for report in reports if report.state is ReplicaState.FAILED), None)
    if failed is not None:
        return Judgement(Verdict.FAILED, 1.0, failed.error or "a replica failed without saying why")
    needed = revision.instance_count * revision.worker_count
    ready = sum(report.state is ReplicaState.READY for report in reports)
    if ready >= needed:
        providers = ", ".join(sorted({report.provider for report in reports if report.provider}))
        on = f" on {providers}" if providers else ""
        return Judgement(Verdict.READY, 1.0, readiness(ready, revision.instance_count, revision.worker_count) + on)
    if not reports:
        return Judgement(Verdict.WAITING, 0.1, "waiting for the cluster to place replicas")
    share = sum(_PROGRESS.get(report.state, 0.0) for report in reports) / max(needed, len(reports))
    furthest = max(reports, key=lambda report: _PROGRESS.get(report.state, 0.0))
    message = furthest.message or readiness(ready, revision.instance_count, revision.worker_count)
    return Judgement(Verdict.WAITING, round(0.1 + 0.85 * share, 2), message)


def readiness(ready: int, replicas: int, workers: int) -> str:
    """Say how many of a revision's processes are ready: replicas, or the workers of those that have several."""
    if workers == 1:
        return f"{ready} of {count(replicas, 'replica')} ready"
    return f"{ready} of {replicas * workers} workers of {count(replicas, 'replica')} ready"
