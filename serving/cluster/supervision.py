"""A supervisor's life, without Ray: make the image present, run one scoring process, restart it, drain it."""

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import httpx
import msgspec

from registry.core.errors import SlipwayError
from registry.core.imaging.signatures import Trust
from serving.cluster.excess import Excess
from serving.cluster.pulse import SILENCE_SLACK_S, Pulse
from serving.cluster.reporter import Reporter, new_replica_id
from serving.node.errors import NodeError
from serving.node.keeping.logs import begin_log, shorten
from serving.node.keeping.room import open_room
from serving.node.prepare import Prepared, prepare_image
from serving.node.running.blame_file import FOLDER, BlameFile, sweep
from serving.node.running.launch import LOGS, NODE, Launch, read_description
from serving.node.running.log_tail import append_line
from serving.node.running.process import ScoringProcess
from serving.node.running.samples import reproduce
from serving.wire.replica import Load, ReplicaSpec, ReplicaState

log = logging.getLogger("slipway.supervisor")

RELEASE_WAIT_S = 8.0  # for the edges to stop sending; without an answer the drain goes on, since HAProxy retries
BACKOFF_S = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0)
LOG_CHECK_S = 5.0
CALM_S = 30.0  # a process that lived so long starts a new count of failures

T = TypeVar("T")


class Supervision:
    """One worker of a replica, in a process of its own; ``supervisor`` is its name."""

    def __init__(self, spec: ReplicaSpec, supervisor: str, cache_gb: str | None, trust: Trust) -> None:
        self._spec = spec
        self._cache_gb = cache_gb
        self._trust = trust
        self._supervisor = supervisor
        folder = Path(spec.state_dir) / LOGS
        self._log_path = folder / f"{spec.backend}-{supervisor}.log"
        self._secret = Path(spec.secret_file).read_text().strip()
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._restarts = 0

    @property
    def _timeout_s(self) -> float:
        return self._spec.request_settings.request_timeout_ms / 1000

    def run(self, lifeline: int) -> None:
        """Keep the replica up until the other end of ``lifeline`` is closed; then drain and end it."""
        self._loop.add_reader(lifeline, self._let_go, lifeline)
        self._loop.run_until_complete(self._live())

    def _let_go(self, lifeline: int) -> None:
        self._loop.remove_reader(lifeline)
        self._stopping.set()

    async def _live(self) -> None:
        headers = {"x-slipway-edge": self._secret}
        async with httpx.AsyncClient(timeout=5.0, headers=headers, trust_env=False) as http:
            reporter = Reporter(self._spec, self._supervisor, http, str(self._log_path))
            duties = [asyncio.create_task(reporter.beat()), asyncio.create_task(self._keep_log_short())]
            try:
                with contextlib.ExitStack() as stack:
                    with contextlib.suppress(OSError):  # the start of a process tells that it cannot be written
                        stack.enter_context(begin_log(self._log_path))
                    await self._serve(reporter, http)
            finally:
                for duty in duties:
                    duty.cancel()
                await asyncio.gather(*duties, return_exceptions=True)
                await reporter.tell(ReplicaState.GONE)

    async def _keep_log_short(self) -> None:
        while True:
            await asyncio.sleep(LOG_CHECK_S)
            with contextlib.suppress(OSError):  # a disk that is full now may not be the next time
                shorten(self._log_path)

    async def _serve(self, reporter: Reporter, http: httpx.AsyncClient) -> None:
        await reporter.tell(ReplicaState.PREPARING)
        launch = await self._unless_stopping(self._prepare(reporter))
        try:
            folder = Path(self._spec.state_dir) / NODE / FOLDER
            sweep(folder)
            with BlameFile(folder / self._spec.backend) as table:
                await self._keep_up(launch, table, reporter, http)
        finally:
            for hold in launch.holds if launch else ():
                hold.close()

    async def _keep_up(
        self, launch: Launch | None, table: BlameFile, reporter: Reporter, http: httpx.AsyncClient
    ) -> None:
        failures = 0
        served = False
        memory_bytes = read_description(launch.image).resources.memory_bytes if launch else None
        while launch is not None and not self._stopping.is_set():
            began = self._loop.time()
            try:
                started = await self._unless_stopping(self._start(replace(launch, blame=table.path), reporter, http))
            except NodeError as error:
                if not served:
                    logs = f"slipway logs {self._spec.endpoint}/{self._spec.deployment}"
                    await reporter.tell(ReplicaState.FAILED, error=f"{error.message}; see {logs}")
                    break
                ended = error.message
            else:
                if started is None:
                    return
                process, address = started
                served = True
                loading_s = self._loop.time() - began
                pulse = Pulse(http, address, self._spec.liveness_probe.ask_s)
                excess = Excess(process.pid, table, memory_bytes, self._timeout_s, loading_s, time.monotonic)
                ended = await self._watch(process, table, pulse, excess, reporter)
                if not ended:
                    await self._drain(process, pulse, reporter)
                    return
                ended += _at_work(table, process.pid)
            failures = 1 if self._loop.time() - began > CALM_S else failures + 1
            await self._begin_again(reporter, ended, BACKOFF_S[min(failures, len(BACKOFF_S)) - 1])
        await self._stopping.wait()

    async def _unless_stopping(self, work: Coroutine[Any, Any, T]) -> T | None:
        """Return what the work returns, or None if it was given up because everything is to stop."""
        task, stopping = asyncio.ensure_future(work), asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
            return await task if task.done() else None
        finally:
            task.cancel()
            stopping.cancel()
            await asyncio.gather(task, stopping, return_exceptions=True)

    async def _prepare(self, reporter: Reporter) -> Launch | None:
        """Make image and environment present; None, and the reason reported, when that can't be done."""
        spec = self._spec
        loop = asyncio.get_running_loop()

        def report(line: str) -> None:
            asyncio.run_coroutine_threadsafe(reporter.tell(ReplicaState.PREPARING, message=line), loop)

        def prepare() -> Prepared:
            room = open_room(Path(spec.state_dir) / NODE, self._cache_gb)
            return prepare_image(spec.registry_url, spec.image_name, spec.image_digest, room, self._trust, report)

        try:
            prepared = await asyncio.to_thread(prepare)
        except (NodeError, SlipwayError) as error:
            await reporter.tell(ReplicaState.FAILED, error=error.message)
            return None
        return Launch(
            python=prepared.python,
            image=prepared.image,
            serve_as=spec.endpoint,
            backend=spec.backend,
            request_settings=spec.request_settings,
            batching=spec.batching,
            response_cache=spec.response_cache,
            workers=spec.worker_count,
            environment_variables=spec.environment_variables,
            secret=self._secret,
            holds=prepared.holds,
            golden=prepared.golden,
        )

    async def _start(self, launch: Launch, reporter: Reporter, http: httpx.AsyncClient) -> tuple[ScoringProcess, str]:
        """Start a scoring process; return it with its HTTP address once it serves and answers as it should."""
        await reporter.tell(ReplicaState.STARTING, message="loading the model")
        soonest = self._loop.time() + (self._spec.readiness_probe.initial_delay or 0)
        process = ScoringProcess.start(launch, self._log_path)
        announcement = await process.ready(self._spec.liveness_probe.start_s)
        address = f"{launch.host}:{announcement.http_port}"
        await reproduce(launch, process, address, http)
        await asyncio.sleep(soonest - self._loop.time())
        await reporter.tell(
            ReplicaState.READY,
            message="",
            http_address=address,
            grpc_address=f"{launch.host}:{announcement.grpc_port}",
            pid=process.pid,
            provider=announcement.provider,
        )
        return process, address

    async def _watch(
        self, process: ScoringProcess, table: BlameFile, pulse: Pulse, excess: Excess, reporter: Reporter
    ) -> str:
        """Wait until the process has ended, killing it when that is due, and say how; "" for the order to stop.

        The others are told of a death before anything else: what it died of is on its way to one of them.
        """
        ended = asyncio.create_task(process.wait())
        silence_s = self._spec.liveness_probe.silence_s or self._timeout_s + SILENCE_SLACK_S
        stopped = asyncio.create_task(pulse.stopped(silence_s, reporter.load))
        exceeded = asyncio.create_task(excess.found())
        stopping = asyncio.create_task(self._stopping.wait())
        tasks: set[asyncio.Task[Any]] = {ended, stopped, exceeded, stopping}
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                table.note_death(time.monotonic())
                return f"the scoring process {process.end}"
            if not stopped.done() and not exceeded.done():
                return ""
            reason = (exceeded if exceeded.done() else stopped).result()  # raises what went wrong in the looking
            table.note_death(time.monotonic())
            process.kill()
            await process.wait()
            return f"the scoring process {reason} and was killed"
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _begin_again(self, reporter: Reporter, ended: str, pause_s: float) -> None:
        """Bury the replica that ended, and name the next one."""
        self._restarts += 1
        log.warning("%s: %s", self._spec.backend, ended)
        append_line(self._log_path, "supervisor", f"{ended}; another is started: restart {self._restarts}")
        await reporter.tell(ReplicaState.GONE, message=ended)
        await reporter.tell(
            ReplicaState.RESTARTING,
            replica=new_replica_id(self._spec),
            http_address="",
            grpc_address="",
            pid=0,
            **msgspec.structs.asdict(Load(in_flight=0, rss_bytes=0)),
            restarts=self._restarts,
            ended=ended,
            ended_ms=round(time.time() * 1000),
        )
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), pause_s)

    async def _drain(self, process: ScoringProcess, pulse: Pulse, reporter: Reporter) -> None:
        figures = asyncio.create_task(pulse.stopped(math.inf, reporter.load))
        deadline = self._loop.time() + RELEASE_WAIT_S
        while not await reporter.tell(ReplicaState.DRAINING) and self._loop.time() < deadline:  # noqa: ASYNC110 - polled
            await asyncio.sleep(0.1)
        await process.terminate(self._timeout_s + 1)
        figures.cancel()
        await asyncio.gather(figures, return_exceptions=True)


def _at_work(table: BlameFile, pid: int) -> str:
    """Say what a process that has ended was at."""
    work = table.work_of(pid)
    return f" while it worked on request {work.request_id}" if work else ""
