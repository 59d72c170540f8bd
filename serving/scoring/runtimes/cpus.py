"""How many CPUs this process may use: what its affinity allows, and the quotas of its control groups (cgroups(7))."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Iterator, Mapping, Tuple

from ..errors import LoadFailed

VARIABLE = "SLIPWAY_ONNX_THREADS"
_OF_PROCESS, _GROUPS = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")


def threads_of(variables: Mapping[str, str], allowed: int) -> Tuple[int, int]:
    """Return how many requests may run at once, and how many threads each run takes.

    One thread where nobody says how many CPUs are ours: a quick model takes twice the CPU on two of them.

    Raises:
        LoadFailed: the variable is no number of threads.
    """
    text = variables.get(VARIABLE)
    if not text:
        return allowed, 1
    if not text.isdecimal() or int(text) < 1:
        raise LoadFailed(f"{VARIABLE} is {text[:40]!r}: it must be a whole number from 1 on")
    share = min(int(text), allowed)
    return share, share


def allowed_cpus(of_process: Path = _OF_PROCESS, groups: Path = _GROUPS) -> int:
    """Return how many whole CPUs are allowed, at least one. More threads than a quota's would be stopped by it."""
    quotas = [int(cpus) for cpus in _quotas(of_process, groups)]
    return max(1, min([len(os.sched_getaffinity(0)), *quotas]))


def _quotas(of_process: Path, groups: Path) -> Iterator[float]:
    """Yield the quota of each group that the process is in, and of those above it, of versions 1 and 2."""
    try:
        lines = of_process.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        top = groups / controllers
        group = top / path.lstrip("/")
        for folder in (group, *group.parents):  # in a container, the path may be the host's, and only the top be there
            if controllers:
                quota, period = _word(folder / "cpu.cfs_quota_us"), _word(folder / "cpu.cfs_period_us")
            else:
                quota, period = _word(folder / "cpu.max"), _word(folder / "cpu.max", 1)
            if quota.isdecimal() and period.isdecimal() and int(period):  # else "max", "-1", or no such file
                yield int(quota) / int(period)
            if folder == top:
                break


def _word(path: Path, place: int = 0) -> str:
    try:
        words = path.read_text().split()
    except OSError:
        return ""
    return words[place] if place < len(words) else ""
