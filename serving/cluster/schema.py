"""Desired revisions rendered as Ray Serve's declarative configuration (``ServeDeploySchema``).

The configuration is declarative over *all* applications: what is missing is deleted, so it is always rendered whole.
One application per immutable revision; only how many replicas and crews it has, and whose signatures count, ever change
in place.
"""

from typing import Any

import msgspec

from registry.core.deploying.desired import DesiredDeployment, DesiredEndpoint, DesiredRevision, DesiredState
from registry.core.imaging.signatures import Trust
from serving.policy.crews import crew_count
from serving.wire.replica import ReplicaSpec
from serving.wire.routing import backend_name

APPLICATION = "serving.cluster.application:build"
DEPLOYMENT = "Crew"
# A drain waits for the edges' acknowledgement, then for requests in flight.
DRAIN_MARGIN_S = 15.0


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What every supervisor of this workspace is told besides its revision."""

    registry_url: str
    controller_url: str
    state_dir: str
    secret_file: str


def render(desired: DesiredState, surroundings: Surroundings, nodes: int) -> dict[str, Any]:
    """Return the configuration as plain JSON, sorted by application name; ``nodes`` is how many the cluster has."""
    applications = [
        _application(_spec(endpoint, deployment, revision, surroundings), revision, desired.trust, nodes)
        for endpoint in desired.endpoints
        for deployment in endpoint.deployments
        for revision in deployment.revisions
    ]
    return {"proxy_location": "Disabled", "applications": sorted(applications, key=lambda app: app["name"])}


def _application(spec: ReplicaSpec, revision: DesiredRevision, trust: Trust, nodes: int) -> dict[str, Any]:
    drain_s = revision.request_settings.request_timeout_ms / 1000 + DRAIN_MARGIN_S
    replicas = revision.instance_count
    crews = crew_count(replicas, nodes)
    return {
        "name": spec.backend,
        "route_prefix": None,
        "import_path": APPLICATION,
        "args": {"spec": msgspec.to_builtins(spec)},
        "deployments": [
            {
                "name": DEPLOYMENT,
                "num_replicas": crews,
                # Serve hands a new one of these to crews that run, and restarts none.
                "user_config": {"trust": msgspec.to_builtins(trust), "replicas": replicas, "crews": crews},
                "graceful_shutdown_timeout_s": drain_s,
                "health_check_period_s": 5.0,
                "health_check_timeout_s": 30.0,
                # The work is done by the scoring processes; the actor itself hardly computes.
                "ray_actor_options": {"num_cpus": 0},
            }
        ],
    }


def _spec(
    endpoint: DesiredEndpoint, deployment: DesiredDeployment, revision: DesiredRevision, surroundings: Surroundings
) -> ReplicaSpec:
    return ReplicaSpec(
        endpoint=endpoint.name,
        deployment=deployment.name,
        revision=revision.number,
        backend=backend_name(endpoint.name, deployment.name, revision.number),
        image_name=revision.image.partition("@")[0].partition(":")[0],
        image_digest=revision.image_digest,
        environment_variables=dict(sorted(revision.environment_variables.items())),
        request_settings=revision.request_settings,
        worker_count=revision.worker_count,
        registry_url=surroundings.registry_url,
        controller_url=surroundings.controller_url,
        state_dir=surroundings.state_dir,
        secret_file=surroundings.secret_file,
        batching=revision.batching,
        response_cache=revision.response_cache,
        liveness_probe=revision.liveness_probe,
        readiness_probe=revision.readiness_probe,
    )
