"""CPU time and memory of a set of processes with all their children, from /proc (proc(5))."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


class Usage(NamedTuple):
    """``cpu_s`` is user and system time, of ended children too; ``pss_bytes`` shares common pages fairly."""

    cpu_s: float
    pss_bytes: int


class _Process(NamedTuple):
    parent: int
    cpu_s: float


def cpu_seconds(roots: Iterable[int], proc: Path = Path("/proc")) -> float:
    """Return the CPU time used so far by ``roots`` and their descendants."""
    processes = _processes(proc)
    return sum(processes[pid].cpu_s for pid in _family(roots, processes))


def usage(roots: Iterable[int], proc: Path = Path("/proc")) -> Usage:
    processes = _processes(proc)
    family = _family(roots, processes)
    return Usage(sum(processes[pid].cpu_s for pid in family), sum(_pss_bytes(proc / str(pid)) for pid in family))


def _processes(proc: Path) -> dict[int, _Process]:
    found = {}
    for folder in proc.iterdir():
        if folder.name.isdigit():
            try:
                text = (folder / "stat").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue  # ended while we looked
            fields = text[text.rindex(")") + 2 :].split()  # the name before it may hold anything
            # fields 4 ppid; 14 to 17 utime, stime, cutime, cstime: what an ended child used is its parent's
            found[int(folder.name)] = _Process(int(fields[1]), sum(map(int, fields[11:15])) * _TICK_S)
    return found


def _family(roots: Iterable[int], processes: dict[int, _Process]) -> set[int]:
    children: dict[int, list[int]] = {}
    for pid, process in processes.items():
        children.setdefault(process.parent, []).append(pid)
    family: set[int] = set()
    waiting = [pid for pid in roots if pid in processes]
    while waiting:
        pid = waiting.pop()
        if pid not in family:
            family.add(pid)
            waiting += children.get(pid, [])
    return family


def _pss_bytes(folder: Path) -> int:
    try:
        lines = (folder / "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
