"""One pass after another: make cluster, routing table and registry agree with what is desired and what is reported."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any

from registry.core.deploying.desired import DesiredDeployment, DesiredEndpoint, DesiredRevision, DesiredState
from registry.core.deploying.endpoints import RevisionState
from registry.core.errors import SlipwayError
from serving.cluster.client import Cluster, ClusterError
from serving.cluster.schema import Surroundings, render
from serving.controller.agents import Agents
from serving.controller.board import Board
from serving.controller.directory import Directory
from serving.controller.registry import RegistryLink
from serving.controller.settling import Settling
from serving.policy.replicas import Verdict, judge
from serving.policy.routing_table import next_table
from serving.wire.replica import ReplicaReport
from serving.wire.routing import backend_name

log = logging.getLogger("slipway.controller")

PASS_S = 0.5  # at the latest; changes wake the loop at once
CLUSTER_CHECK_S = 5.0  # how often to look whether the cluster was started anew and knows nothing any more
RETRY_S = 2.0


class Reconciler:
    """Owns the order of things: traffic leaves a revision before its replicas are taken away."""

    def __init__(
        self,
        cluster: Cluster,
        registry: RegistryLink,
        board: Board,
        surroundings: Surroundings,
        monotonic_s: Callable[[], float],
    ) -> None:
        self._cluster = cluster
        self._registry = registry
        self._board = board
        self._surroundings = surroundings
        self._now_s = monotonic_s
        self._wake = asyncio.Event()
        self._applied: dict[str, Any] | None = None
        self._looked_s = 0.0
        self._nodes = 1
        self._told: dict[str, tuple[float, str]] = {}  # activity → what was told last
        self.desired: DesiredState | None = registry.remembered()
        self.directory = Directory()
        self.directory.remember(board.table, monotonic_s())
        self.agents = Agents()
        self.settling = Settling(self.agents, monotonic_s)
        self.cluster_ready = False

    async def want(self, desired: DesiredState) -> None:
        """Take a new desired state."""
        self.desired = desired
        self._wake.set()

    def hear(self, report: ReplicaReport) -> bool:
        """Take a replica's report; say whether no edge sends it new requests any more."""
        if self.directory.record(report, self._now_s()):
            self._wake.set()
        return self.agents.released(report.replica, self._board.table, self._now_s())

    async def run(self) -> None:
        """Route and judge for ever."""
        while True:
            if self.desired is not None:
                await self._route(self.desired)
                await self._judge(self.desired)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), PASS_S)
            self._wake.clear()

    async def run_cluster(self) -> None:
        """Keep the cluster in step for ever, apart from ``run``: Ray takes seconds, and routing must not wait."""
        while True:
            try:
                await self._deploy()
                self.cluster_ready = True
                await asyncio.sleep(0.1)
            except ClusterError as error:
                log.warning("cluster: %s", error)
                self.cluster_ready = False
                self._applied = None
                await asyncio.sleep(RETRY_S)

    async def _deploy(self) -> None:
        if self.desired is None:
            if not self.cluster_ready:
                await self._cluster.status()
            return
        if self._now_s() - self._looked_s >= CLUSTER_CHECK_S or self._applied is None:
            await self._look()
        config = render(self.desired, self._surroundings, self._nodes)
        if config != self._applied:
            await self._cluster.apply(config)
            self._applied = config

    async def _look(self) -> None:
        """See how many nodes there are, and whether what was applied is still there."""
        self._looked_s = self._now_s()
        self._nodes = await self._cluster.nodes()
        if self._applied is None:
            return
        present = await self._cluster.status()
        missing = sorted({application["name"] for application in self._applied["applications"]} - present.keys())
        if missing:
            log.warning("the cluster has lost %s: deploying again", ", ".join(missing))
            self._applied = None

    async def _route(self, desired: DesiredState) -> None:
        for silent in self.directory.forget_silent(self._now_s()):
            log.warning("replica %s was not heard of for too long and is given up", silent.replica)
        before = self._board.table
        table = next_table(before, desired, self.directory.all())
        if table is not before:
            self.agents.observe(before, table)
            await self._board.publish(table)
            log.info("routing table %d published", table.generation)
        await self.settling.routed(desired.version, self._board.table.generation)

    async def _judge(self, desired: DesiredState) -> None:
        wanted: list[str] = []
        starting: set[str] = set()
        for endpoint in desired.endpoints:
            for deployment in endpoint.deployments:
                for revision in deployment.revisions:
                    wanted.append(backend_name(endpoint.name, deployment.name, revision.number))
                    if revision.state is RevisionState.STARTING:
                        starting.add(revision.activity_id)
                        await self._judge_revision(endpoint, deployment, revision)
        self.directory.forget_failed_except(wanted)
        self._told = {activity: told for activity, told in self._told.items() if activity in starting}

    async def _judge_revision(
        self, endpoint: DesiredEndpoint, deployment: DesiredDeployment, revision: DesiredRevision
    ) -> None:
        reports = self.directory.of_backend(backend_name(endpoint.name, deployment.name, revision.number))
        judgement = judge(revision, reports)
        state = {Verdict.READY: RevisionState.LIVE, Verdict.FAILED: RevisionState.FAILED}.get(judgement.verdict)
        try:
            if state is not None:
                await self._registry.report_state(
                    endpoint.name, deployment.name, revision.number, state, judgement.message
                )
            elif self._told.get(revision.activity_id) != (judgement.progress, judgement.message):
                self._told[revision.activity_id] = (judgement.progress, judgement.message)
                await self._registry.report_progress(revision.activity_id, judgement.progress, judgement.message)
        except SlipwayError as error:
            log.warning("registry: %s", error)  # the next pass tells it again
