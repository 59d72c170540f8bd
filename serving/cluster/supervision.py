"""The supervisor's life, without Ray: make the image present, run one scoring process, restart it, drain it."""

import asyncio
import contextlib
import logging
import threading
from pathlib import Path

import httpx

from serving.cluster.reporter import Reporter, new_replica_id
from serving.node.errors import NodeError
from serving.node.launch import LOGS, Launch
from serving.node.prepare import prepare_image
from serving.node.process import ScoringProcess
from serving.wire.replica import ReplicaSpec, ReplicaState

log = logging.getLogger("slipway.supervisor")

READY_WITHIN_S = 120.0
RELEASE_WAIT_S = 8.0  # for the edges to stop sending; without an answer the drain goes on, since HAProxy retries
BACKOFF_S = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0)
CALM_S = 30.0  # a process that lived so long starts a new count of failures


class Supervision:
    """One replica: a thread with its own event loop, so that Serve's loop is never in the way."""

    def __init__(self, spec: ReplicaSpec, supervisor: str) -> None:
        self._spec = spec
        self._supervisor = supervisor
        folder = Path(spec.state_dir) / LOGS
        self._log_path = folder / f"{spec.backend}-{supervisor}.log"
        self._log_path.parent.mkdir(parents=True, exist_ok=True)
        self._secret = Path(spec.secret_file).read_text().strip()
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name=f"supervision-{spec.backend}", daemon=True)
        self._broken: BaseException | None = None

    def start(self) -> None:
        """Begin in the background."""
        self._thread.start()

    def check(self) -> None:
        """Raise RuntimeError if the supervision itself ended by an error."""
        if self._broken is not None:
            raise RuntimeError("the supervision ended by an error") from self._broken

    def stop(self) -> None:
        """Drain and end the scoring process; return when it is gone."""
        if self._thread.is_alive():
            with contextlib.suppress(RuntimeError):  # the loop has just closed by itself
                self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join()

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
                runner.run(self._live())
        except Exception as error:
            log.exception("supervision of %s ended", self._spec.backend)
            self._broken = error

    async def _live(self) -> None:
        headers = {"x-slipway-edge": self._secret}
        async with httpx.AsyncClient(timeout=5.0, headers=headers, trust_env=False) as http:
            reporter = Reporter(self._spec, self._supervisor, http, str(self._log_path))
            heart = asyncio.create_task(reporter.beat())
            try:
                await self._serve(reporter)
            finally:
                heart.cancel()
                await asyncio.gather(heart, return_exceptions=True)
                await reporter.tell(ReplicaState.GONE)

    async def _serve(self, reporter: Reporter) -> None:
        await reporter.tell(ReplicaState.PREPARING)
        launch = await self._prepare(reporter)
        failures = 0
        served = False
        while launch is not None and not self._stopping.is_set():
            began = self._loop.time()
            try:
                process = await self._start(launch, reporter)
            except NodeError as error:
                if not served:
                    await reporter.tell(ReplicaState.FAILED, error=error.message)
                    break
                ended = error.message
            else:
                served = True
                if await self._stopped_first(process):
                    await self._drain(process, reporter)
                    return
                ended = f"the scoring process ended with status {process.returncode}"
            failures = 1 if self._loop.time() - began > CALM_S else failures + 1
            await self._begin_again(reporter, ended, BACKOFF_S[min(failures, len(BACKOFF_S)) - 1])
        await self._stopping.wait()

    async def _prepare(self, reporter: Reporter) -> Launch | None:
        """Make image and environment present; None, and the reason reported, when that can't be done."""
        spec = self._spec
        loop = asyncio.get_running_loop()

        def report(line: str) -> None:
            asyncio.run_coroutine_threadsafe(reporter.tell(ReplicaState.PREPARING, message=line), loop)

        work = asyncio.to_thread(
            prepare_image, spec.registry_url, spec.image_name, spec.image_digest, Path(spec.state_dir) / "node", report
        )
        try:
            prepared = await work
        except NodeError as error:
            await reporter.tell(ReplicaState.FAILED, error=error.message)
            return None
        return Launch(
            python=prepared.python,
            image=prepared.image,
            serve_as=spec.endpoint,
            backend=spec.backend,
            request_settings=spec.request_settings,
            environment_variables=spec.environment_variables,
            secret=self._secret,
        )

    async def _start(self, launch: Launch, reporter: Reporter) -> ScoringProcess:
        await reporter.tell(ReplicaState.STARTING, message="loading the model")
        process = ScoringProcess.start(launch, self._log_path)
        announcement = await process.ready(READY_WITHIN_S)
        await reporter.tell(
            ReplicaState.READY,
            message="",
            http_address=f"{launch.host}:{announcement.http_port}",
            grpc_address=f"{launch.host}:{announcement.grpc_port}",
            pid=process.pid,
        )
        return process

    async def _stopped_first(self, process: ScoringProcess) -> bool:
        """Wait for the process' end or the order to stop; say whether the order came first."""
        ended = asyncio.create_task(process.wait())
        stopping = asyncio.create_task(self._stopping.wait())
        await asyncio.wait({ended, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if ended.done():
            return False
        ended.cancel()
        return True

    async def _begin_again(self, reporter: Reporter, ended: str, pause_s: float) -> None:
        """Bury the replica that ended, and name the next one."""
        log.warning("%s: %s", self._spec.backend, ended)
        await reporter.tell(ReplicaState.GONE, message=ended)
        await reporter.tell(
            ReplicaState.RESTARTING, replica=new_replica_id(self._spec), http_address="", grpc_address="", pid=0
        )
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), pause_s)

    async def _drain(self, process: ScoringProcess, reporter: Reporter) -> None:
        deadline = self._loop.time() + RELEASE_WAIT_S
        while not await reporter.tell(ReplicaState.DRAINING) and self._loop.time() < deadline:  # noqa: ASYNC110 - polled
            await asyncio.sleep(0.1)
        await process.terminate(self._spec.request_settings.request_timeout_ms / 1000 + 1)
