"""How the deployments stand: what the registry wants of each beside what runs."""

from collections import Counter
from collections.abc import Sequence
from typing import TypeVar

import httpx
import msgspec

from registry.core.deploying.endpoints import Deployment, Endpoint, RevisionState
from registry.core.rest import DeploymentList, EndpointList
from serving.wire.replica import ReplicaReport, ReplicaState

T = TypeVar("T")

TIMEOUT_S = 2.0


class RevisionView(msgspec.Struct, frozen=True, kw_only=True):
    """A revision that has processes, or is to have some. ``warm_until_ms`` is when a replaced one lets go of them."""

    number: int
    state: RevisionState
    warm_until_ms: int | None = None


class DeploymentView(msgspec.Struct, frozen=True, kw_only=True):
    """``failed`` is the number of the newest revision if that has failed, ``message`` its reason.

    ``expires_ms`` is when it is deleted by itself, perhaps with its endpoint.
    """

    endpoint: str
    deployment: str
    traffic: float
    live: int | None
    wanted: int  # processes of the live revision: the workers of all its replicas
    ready: int
    workers: int = 1  # of each replica
    failed: int | None = None
    message: str = ""
    revisions: list[RevisionView] = []
    expires_ms: int | None = None

    @property
    def is_loading(self) -> bool:
        """Say whether requests are sent to it that nobody answers yet."""
        return self.traffic > 0 and self.live is not None and self.ready == 0


def view_deployments(registry_url: str, replicas: Sequence[ReplicaReport]) -> list[DeploymentView]:
    """Return every deployment, by endpoint and name; nothing while the registry is away."""
    ready = Counter((r.endpoint, r.deployment, r.revision) for r in replicas if r.state is ReplicaState.READY)
    views: list[DeploymentView] = []
    try:
        with httpx.Client(base_url=f"{registry_url}/api/v1", timeout=TIMEOUT_S, trust_env=False) as http:
            for endpoint in _read(http, "/endpoints", EndpointList).endpoints:
                found = _read(http, f"/endpoints/{endpoint.name}/deployments", DeploymentList).deployments
                views += [_view(one, endpoint, ready) for one in found]
    except (httpx.HTTPError, msgspec.MsgspecError):
        return []
    return views


def _read(http: httpx.Client, path: str, kind: type[T]) -> T:
    return msgspec.json.decode(http.get(path).content, type=kind)


def _view(deployment: Deployment, endpoint: Endpoint, ready: Counter[tuple[str, str, int]]) -> DeploymentView:
    live, latest = deployment.live, deployment.latest
    failed = latest if latest is not None and latest.state is RevisionState.FAILED else None
    return DeploymentView(
        endpoint=deployment.endpoint,
        deployment=deployment.name,
        traffic=endpoint.traffic.get(deployment.name, 0),
        live=live.number if live else None,
        wanted=live.instance_count * live.worker_count if live else 0,
        ready=ready[deployment.endpoint, deployment.name, live.number] if live else 0,
        workers=live.worker_count if live else 1,
        failed=failed.number if failed else None,
        message=failed.message if failed else "",
        revisions=[
            RevisionView(number=one.number, state=one.state, warm_until_ms=one.warm_until_ms)
            for one in deployment.revisions
            if one.state in (RevisionState.STARTING, RevisionState.LIVE, RevisionState.WARM)
        ],
        expires_ms=min((at for at in (endpoint.expires_ms, deployment.expires_ms) if at is not None), default=None),
    )
