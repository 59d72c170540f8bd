"""What Ray Serve imports on a node: a replica of Serve's starts a crew, which looks after several of ours."""

import os
from typing import Any

import msgspec
from ray import serve
from ray.serve import Application
from ray.serve.schema import ReplicaRank

from registry.core.imaging.signatures import Trust
from serving.cluster.crew_process import CrewProcess, Orders
from serving.policy.crews import crew_share
from serving.wire.replica import ReplicaSpec


@serve.deployment
class Crew:
    """A Serve replica around a crew's process; the two end together. What fails is reported, and the controller acts.

    Serve calls ``reconfigure`` before the replica counts as started, and again when the number of replicas or whose
    signatures count has changed, which restarts nothing. It calls ``__del__`` when the replica is to go, and waits for
    it up to ``graceful_shutdown_timeout_s``.
    """

    def __init__(self, spec: dict[str, Any]) -> None:
        self._name = serve.get_replica_context().replica_id.unique_id
        self._spec = msgspec.convert(spec, ReplicaSpec)
        self._process = CrewProcess(on_loss=lambda: os._exit(1))  # Serve starts another at once

    def reconfigure(self, config: dict[str, Any], rank: ReplicaRank) -> None:
        """Take ``{"trust": …, "replicas": …, "crews": …}``, and begin if this is the first time."""
        replicas = crew_share(config["replicas"], config["crews"], rank.rank)
        self._process.order(
            Orders(
                name=self._name,
                spec=self._spec,
                supervisors=replicas * self._spec.worker_count,
                trust=msgspec.convert(config["trust"], Trust),
            )
        )

    def __del__(self) -> None:
        self._process.stop()


def build(args: dict[str, Any], settings: dict[str, Any]) -> Application:
    """Return the application for ``{"spec": …}``, a ReplicaSpec as plain JSON, under the deployment's settings."""
    return Crew.options(**settings, _internal=True).bind(args["spec"])  # type: ignore[attr-defined] # added by the decorator
