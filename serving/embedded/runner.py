"""Start, adopt, watch, restart and stop the processes of a plan."""

import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx

from registry.core.errors import Unavailable
from serving.embedded.paths import WorkspacePaths
from serving.embedded.plan import ProcessPlan, Readiness, stop_stages
from serving.embedded.records import (
    ProcessRecord,
    end,
    is_alive,
    left_behind,
    read_records,
    write_record,
)
from serving.node.proc import start_ticks

POLL_S = 0.1
RESTART_PAUSE_S = (0.0, 0.5, 1.0, 2.0, 5.0)
CALM_S = 30.0
GRACE_S = 3.0  # of a stage; Ray holds nothing that SIGKILL could lose

# What a user's shell may hold and a server must not: another workspace's address, a proxy for loopback.
_DROPPED = ("SLIPWAY_", "RAY_", "http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


class Runner:
    """The processes of one workspace. Whoever finds them running adopts them: none depends on this one's life."""

    def __init__(self, paths: WorkspacePaths, plans: list[ProcessPlan], instance: str) -> None:
        self._paths = paths
        self._plans = {plan.name: plan for plan in plans}
        self._instance = instance
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._failures: dict[str, tuple[int, float]] = {}
        self._http = httpx.Client(timeout=1.0, trust_env=False)

    def start_all(self, say: Callable[[str, str], None], stop: threading.Event) -> bool:
        """Start or adopt every process and wait until each is ready; say False if ``stop`` was set before that.

        ``say(name, state)`` is called with each change: started, adopted, ready.

        Raises:
            Unavailable: a process ended or was not ready in time; the message holds its log's last line.
        """
        waiting = dict(self._plans)
        ready: set[str] = set()
        begun: dict[str, float] = {}
        while waiting:
            for name, plan in list(waiting.items()):
                if name not in begun and ready.issuperset(plan.after):
                    say(name, self._start(plan))
                    begun[name] = time.monotonic()
                elif name in begun and self._is_ready(plan):
                    del waiting[name]
                    ready.add(name)
                    say(name, "ready")
                elif name in begun:
                    self._check_start(plan, begun[name])
            if stop.wait(POLL_S):
                return False
        return True

    def restart_dead(self) -> Iterator[str]:
        """Start again what has ended, at most once per pause, and yield its name."""
        for name, plan in self._plans.items():
            if self.alive(name):
                continue
            count, last = self._failures.get(name, (0, 0.0))
            now = time.monotonic()
            if now - last > CALM_S:
                count = 0
            if now - last >= RESTART_PAUSE_S[min(count, len(RESTART_PAUSE_S) - 1)]:
                self._failures[name] = (count + 1, now)
                self._end_remains(name)
                self._start(plan)
                yield name

    def alive(self, name: str) -> bool:
        """Say whether the process runs; a child that has ended is collected."""
        if child := self._children.get(name):
            child.poll()
        record = read_records(self._paths.run).get(name)
        return record is not None and is_alive(record)

    def stop_all(self) -> None:
        """Stop every process in order, then whatever it left behind."""
        stop_workspace(self._paths, self._instance)
        for child in self._children.values():
            child.wait()

    def _start(self, plan: ProcessPlan) -> str:
        if self.alive(plan.name):
            return "adopted"
        self._paths.logs.mkdir(parents=True, exist_ok=True)
        log_path = self._paths.logs / f"{plan.name}.log"
        kept = {k: v for k, v in os.environ.items() if not k.startswith(_DROPPED)}
        with log_path.open("wb" if plan.readiness is Readiness.LOG else "ab") as log:
            child = subprocess.Popen(
                plan.argv,
                env=kept | plan.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd=self._paths.home,
            )
        self._children[plan.name] = child
        record = ProcessRecord(
            name=plan.name,
            pid=child.pid,
            start_ticks=start_ticks(child.pid),
            argv=plan.argv,
            log_path=str(log_path),
            started_ms=time.time_ns() // 1_000_000,
        )
        write_record(self._paths.run, record)
        return "started"

    def _is_ready(self, plan: ProcessPlan) -> bool:
        if plan.readiness is Readiness.LOG:
            return plan.ready_at.encode() in (self._paths.logs / f"{plan.name}.log").read_bytes()
        try:
            return self._http.get(plan.ready_at).status_code == 200
        except httpx.HTTPError:
            return False

    def _check_start(self, plan: ProcessPlan, begun: float) -> None:
        log_path = self._paths.logs / f"{plan.name}.log"
        if not self.alive(plan.name):
            raise Unavailable(f"{plan.name} ended while starting: {last_line(log_path)} (log: {log_path})")
        if time.monotonic() - begun > plan.ready_within_s:
            raise Unavailable(f"{plan.name} was not ready after {plan.ready_within_s:.0f} s (log: {log_path})")

    def _end_remains(self, name: str) -> None:
        """End what a dead process left in its session: half a Ray cluster would be in the way of the next."""
        record = read_records(self._paths.run).get(name)
        if record is not None and name == "ray":
            end(left_behind([record], instance=""), grace_s=1.0)


def stop_workspace(paths: WorkspacePaths, instance: str) -> None:
    """Stop what the records name, stage by stage, then everything else that carries the mark. Safe to call twice."""
    records = read_records(paths.run)
    for stage in stop_stages(records):
        end([records[name].pid for name in stage if name in records and is_alive(records[name])], GRACE_S)
    end(left_behind(list(records.values()), instance), grace_s=1.0)
    for name in records:
        (paths.run / f"{name}.json").unlink(missing_ok=True)


def last_line(path: Path) -> str:
    """Return the last line of a log that is not empty."""
    lines = [line for line in path.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else "it wrote nothing"
