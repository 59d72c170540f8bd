"""Processes of ours on this machine: how each is remembered, recognised and, if need be, ended.

A process is named by its pid and its start time, so that a pid used again is never taken for ours. Each is the leader
of a session of its own and carries ``SLIPWAY_INSTANCE`` in its environment: what it leaves behind is found by either.
"""

import os
import signal
import time
from collections.abc import Iterable
from pathlib import Path

import msgspec

from serving.node.proc import read_stat, runs

INSTANCE_VARIABLE = "SLIPWAY_INSTANCE"


class ProcessRecord(msgspec.Struct, frozen=True, kw_only=True):
    """``start_ticks`` is field 22 of /proc/PID/stat (proc(5)): clock ticks from boot to the process' start."""

    name: str
    pid: int
    start_ticks: int
    argv: list[str]
    log_path: str
    started_ms: int


def is_alive(record: ProcessRecord) -> bool:
    """Say whether the recorded process still runs; a zombie does not."""
    return runs(record.pid, record.start_ticks)


def write_record(folder: Path, record: ProcessRecord) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f".{record.name}.partial"
    partial.write_bytes(msgspec.json.encode(record))
    partial.replace(folder / f"{record.name}.json")


def read_records(folder: Path) -> dict[str, ProcessRecord]:
    """Return every readable record by name; what cannot be read was never finished."""
    records = {}
    for path in sorted(folder.glob("*.json")):
        try:
            record = msgspec.json.decode(path.read_bytes(), type=ProcessRecord)
        except (msgspec.MsgspecError, FileNotFoundError):
            continue
        records[record.name] = record
    return records


def left_behind(records: list[ProcessRecord], instance: str) -> list[int]:
    """Return the pids that belong to the workspace: members of recorded sessions, or marked with ``instance``."""
    oldest = {record.pid: record.start_ticks for record in records}
    mark = f"{INSTANCE_VARIABLE}={instance}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        state = read_stat(int(entry.name))
        if state is None:
            continue
        in_session = state.session in oldest and state.start_ticks >= oldest[state.session]
        if in_session or _is_marked(entry, mark):
            found.append(state.pid)
    return found


def mark_of(records: Iterable[ProcessRecord]) -> str:
    """Return the mark that a recorded process which still runs carries; "" if none does."""
    name = f"{INSTANCE_VARIABLE}=".encode()
    for record in records:
        if is_alive(record):
            for variable in _environment(Path(f"/proc/{record.pid}")):
                if variable.startswith(name):
                    return variable.removeprefix(name).decode()
    return ""


def _is_marked(entry: Path, mark: bytes) -> bool:
    return mark in _environment(entry)


def _environment(entry: Path) -> list[bytes]:
    try:
        return (entry / "environ").read_bytes().split(b"\0")
    except OSError:
        return []


def end(pids: list[int], grace_s: float) -> None:
    """Ask the processes to end; after ``grace_s`` seconds make them."""
    _signal_all(pids, signal.SIGTERM)
    deadline = time.monotonic() + grace_s
    while time.monotonic() < deadline and any(read_stat(pid) for pid in pids):
        time.sleep(0.05)
    _signal_all([pid for pid in pids if read_stat(pid)], signal.SIGKILL)


def _signal_all(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue
