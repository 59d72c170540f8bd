"""Desired state: what the controller is to make real, read in one moment, and followed without holding a thread."""

import time

import anyio.to_thread

from registry.core.deploying.desired import DesiredDeployment, DesiredEndpoint, DesiredRevision, DesiredState
from registry.core.deploying.endpoints import Deployment, Endpoint, RevisionState
from registry.operations.deploying.token_key import public_key_within
from registry.operations.imaging.signing import trust_within
from registry.operations.workspace import Workspace
from registry.store import counters
from registry.store.deploying import deployments, endpoints

WANTED = (RevisionState.STARTING, RevisionState.LIVE)  # serves, or is to serve
RUNNING = (*WANTED, RevisionState.WARM)  # has replicas


def get_desired_state(workspace: Workspace) -> DesiredState:
    """Return the current document."""
    with workspace.metadata.read() as tx:
        every = deployments.all_deployments(tx)
        return DesiredState(
            version=counters.read(tx, counters.DESIRED_STATE),
            endpoints=[
                _endpoint(endpoint, [one for one in every if one.endpoint == endpoint.name])
                for endpoint in endpoints.all_endpoints(tx)
            ],
            trust=trust_within(tx),
            token_key=public_key_within(tx),
        )


async def follow_desired_state(workspace: Workspace, after: int, wait_s: float) -> DesiredState:
    """Return the document once its version is past ``after``, or as it is when the wait is over."""
    end = time.monotonic() + wait_s
    while True:
        ticket = workspace.signal.ticket()
        version = await anyio.to_thread.run_sync(get_version, workspace)
        left_s = end - time.monotonic()
        if version > after or left_s <= 0 or workspace.signal.closed:
            return await anyio.to_thread.run_sync(get_desired_state, workspace)
        await workspace.signal.wait(ticket, left_s)


def get_version(workspace: Workspace) -> int:
    """Return the version of the current document, without the document."""
    with workspace.metadata.read() as tx:
        return counters.read(tx, counters.DESIRED_STATE)


def _endpoint(endpoint: Endpoint, its_deployments: list[Deployment]) -> DesiredEndpoint:
    return DesiredEndpoint(
        name=endpoint.name,
        keys=endpoint.keys,
        auth_mode=endpoint.auth_mode,
        traffic=dict(sorted(endpoint.traffic.items())),
        intervals=endpoint.intervals,
        traffic_key=endpoint.traffic_key,
        salt=endpoint.salt,
        mirror_traffic=dict(sorted(endpoint.mirror_traffic.items())),
        deployments=[_deployment(deployment) for deployment in its_deployments],
    )


def _deployment(deployment: Deployment) -> DesiredDeployment:
    return DesiredDeployment(
        name=deployment.name,
        revisions=[
            DesiredRevision(
                number=revision.number,
                image=revision.image,
                image_digest=revision.image_digest,
                instance_count=revision.instance_count,
                worker_count=revision.worker_count,
                request_settings=revision.request_settings,
                environment_variables=revision.environment_variables,
                retry=revision.retry,
                models=revision.models,
                state=revision.state,
                activity_id=revision.activity_id,
                batching=revision.batching,
                response_cache=revision.response_cache,
                liveness_probe=revision.liveness_probe,
                readiness_probe=revision.readiness_probe,
            )
            for revision in deployment.revisions
            if revision.state in RUNNING
        ],
    )
