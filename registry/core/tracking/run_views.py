"""Runs as the workspace API shows them, and what differs between two."""

import difflib
import math

import msgspec

from registry.core.modelling.lineage import VersionUse
from registry.core.modelling.models import ModelFile
from registry.core.tracking.datasets import DatasetUse
from registry.core.tracking.run_code import RunCode
from registry.core.tracking.runs import Run

Number = float | str  # JSON has no NaN: it is the word "NaN"


class RunSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A run with the latest of what it logged. Times are Unix milliseconds."""

    id: str
    experiment: str
    name: str
    user: str
    status: str
    lifecycle_stage: str
    started_ms: int
    ended_ms: int | None
    metrics: dict[str, Number]
    params: dict[str, str]
    tags: dict[str, str]


class RunDetails(RunSummary, frozen=True, kw_only=True):
    """``files`` are the run's artifacts, by path; ``code`` is what it was made from, ``datasets`` what it read, and
    ``made`` the versions that came of it."""

    files: list[ModelFile]
    code: RunCode
    datasets: list[DatasetUse]
    made: list[VersionUse]


class RunList(msgspec.Struct, frozen=True, kw_only=True):
    runs: list[RunSummary]


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """A value that is not the same; None where there is none."""

    key: str
    a: Number | None
    b: Number | None


class FileDifference(msgspec.Struct, frozen=True, kw_only=True):
    """A file that is not the same: digests, None where there is no such file, and a unified diff of a small text."""

    path: str
    a: str | None
    b: str | None
    patch: str = ""


class RunDiff(msgspec.Struct, frozen=True, kw_only=True):
    """What differs between run ``a`` and run ``b``.

    ``code`` compares their snapshots, ``uncommitted`` git's patches, ``files`` their artifacts. ``environment`` has the
    keys ``python``, ``platform`` and ``package NAME``. ``missing`` says what cannot be compared, since one has none.
    """

    a: str
    b: str
    params: list[Difference]
    metrics: list[Difference]
    tags: list[Difference]
    git: list[Difference]
    uncommitted: FileDifference | None
    code: list[FileDifference]
    environment: list[Difference]
    files: list[FileDifference]
    missing: list[str]


def summarize(run: Run, experiment: str) -> RunSummary:
    return RunSummary(
        id=run.id,
        experiment=experiment,
        name=run.name,
        user=run.user_id,
        status=run.status,
        lifecycle_stage=run.lifecycle_stage,
        started_ms=run.started_ms,
        ended_ms=run.ended_ms,
        metrics=numbers(run),
        params=run.params,
        tags=run.tags,
    )


def numbers(run: Run) -> dict[str, Number]:
    """Return the latest value of each metric."""
    return {point.key: "NaN" if math.isnan(point.value) else point.value for point in run.metrics}


def differences(a: dict[str, Number], b: dict[str, Number]) -> list[Difference]:
    """Return the keys, sorted, whose values are not equal."""
    keys = sorted(key for key in {*a, *b} if a.get(key) != b.get(key))
    return [Difference(key=key, a=a.get(key), b=b.get(key)) for key in keys]


def patch(path: str, a: str, b: str) -> str:
    """Return a unified diff of two texts."""
    lines = difflib.unified_diff(a.splitlines(), b.splitlines(), f"a/{path}", f"b/{path}", lineterm="", n=2)
    return "\n".join(lines)
