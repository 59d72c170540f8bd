"""What Linux says of a process (proc(5))."""

import os
from pathlib import Path

import msgspec

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class Stat(msgspec.Struct, frozen=True):
    """A process that runs; ``start_ticks``, clock ticks from boot to its start, tells two of the same pid apart."""

    pid: int
    session: int
    start_ticks: int
    parent: int


def read_stat(pid: int) -> Stat | None:
    """Return what /proc says of a process, or None if there is none, or only a zombie."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text[text.rindex(")") + 2 :].split()  # the name before it may hold anything
    return None if fields[0] in "ZX" else Stat(pid, int(fields[3]), int(fields[19]), int(fields[1]))


def runs(pid: int, start_ticks: int) -> bool:
    """Say whether the process that started then still runs under that pid."""
    state = read_stat(pid)
    return state is not None and state.start_ticks == start_ticks


def start_ticks(pid: int) -> int:
    """Return when a process of that pid was started, in clock ticks from boot; 0 if there is none."""
    state = read_stat(pid)
    return state.start_ticks if state else 0


def began_ms(pid: int) -> int | None:
    """Return when a process was started, in Unix milliseconds; None if there is none."""
    state = read_stat(pid) if pid else None
    return None if state is None else _boot_s() * 1000 + state.start_ticks * 1000 // _TICKS_PER_S


def _boot_s() -> int:
    lines = Path("/proc/stat").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("btime "))


def resident_bytes(pid: int) -> int:
    """Return the resident memory of a process; 0 if there is none."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_BYTES
    except (FileNotFoundError, ProcessLookupError):
        return 0
