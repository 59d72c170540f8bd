"""What Ray Serve imports on a node: a replica that supervises one scoring process."""

import os
from typing import Any

import msgspec
from ray import serve
from ray.serve import Application

from registry.core.imaging.signatures import Trust
from serving.cluster.supervision import Supervision
from serving.node.keeping.room import BOUND_VARIABLE
from serving.wire.replica import ReplicaSpec


@serve.deployment
class Supervisor:
    """A Serve replica around a Supervision. It never raises at start: a failure is reported, and the controller acts.

    Serve calls ``reconfigure`` before the replica counts as started, and again when whose signatures count has changed,
    which restarts nothing. It calls ``__del__`` when the replica is to go, and waits for it up to
    ``graceful_shutdown_timeout_s``.
    """

    def __init__(self, spec: dict[str, Any]) -> None:
        replica = serve.get_replica_context().replica_id.unique_id
        self._spec = msgspec.convert(spec, ReplicaSpec)
        self._replica = replica
        self._supervision: Supervision | None = None

    def reconfigure(self, config: dict[str, Any]) -> None:
        """Take ``{"trust": …}``, and begin if this is the first time."""
        trust = msgspec.convert(config["trust"], Trust)
        if self._supervision is not None:
            self._supervision.trust = trust
            return
        self._supervision = Supervision(self._spec, self._replica, os.environ.get(BOUND_VARIABLE), trust)
        self._supervision.start()

    def check_health(self) -> None:
        """Raise if the supervision itself broke; Serve then replaces the replica."""
        if self._supervision is not None:
            self._supervision.check()

    def __del__(self) -> None:
        if self._supervision is not None:
            self._supervision.stop()


def build(args: dict[str, Any], settings: dict[str, Any]) -> Application:
    """Return the application for ``{"spec": …}``, a ReplicaSpec as plain JSON, under the deployment's settings."""
    return Supervisor.options(**settings, _internal=True).bind(args["spec"])  # type: ignore[attr-defined] # added by the decorator
