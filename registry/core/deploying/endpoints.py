"""Endpoints, deployments and revisions."""

from enum import StrEnum
from typing import Any

import msgspec

from registry.core.deploying.engine_settings import Batching, ResponseCache
from registry.core.deploying.keys import KeyHash
from registry.core.deploying.probes import LivenessProbe, ReadinessProbe
from registry.core.deploying.split import Interval
from registry.core.deploying.traffic_keys import TrafficKey
from registry.core.errors import Conflict

KEEP_WARM_S = 600
AUTOMATIC_CONCURRENCY = 64  # Azure's own default of 1 would forbid batching


class AuthMode(StrEnum):
    """What clients send: one of the endpoint's keys, or a token that the registry has signed in the name of one."""

    KEY = "key"
    AML_TOKEN = "aml_token"  # noqa: S105 - Azure ML's word


class RevisionState(StrEnum):
    """Lifecycle: starting → live → warm → retired, or starting → failed; undo lets any of them start again.

    Only one revision of a deployment is live. A warm one runs on for a while without traffic, for undo.
    """

    STARTING = "starting"
    LIVE = "live"
    WARM = "warm"
    FAILED = "failed"
    RETIRED = "retired"


class RetryRule(StrEnum):
    """Whether the edge may send a request a second time, to another replica, when the first gave no answer."""

    ONCE = "once"
    NEVER = "never"


class RequestSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Azure ML v2 ``request_settings``. ``max_concurrent_requests_per_instance`` absent means automatic (64)."""

    request_timeout_ms: int = 5000
    max_concurrent_requests_per_instance: int | None = None
    max_queue_wait_ms: int = 500

    @property
    def concurrency(self) -> int:
        """How many requests an instance takes at once: what is written, else the automatic figure."""
        return self.max_concurrent_requests_per_instance or AUTOMATIC_CONCURRENCY


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """``intervals`` are ``traffic`` laid out over the buckets, as the history of the endpoint has made them.

    ``salt`` goes into the hash of a traffic key: it belongs to the endpoint for life, and is no client's to know.
    """

    name: str
    description: str = ""
    tags: dict[str, str] = {}
    auth_mode: AuthMode = AuthMode.KEY
    keys: list[KeyHash] = []
    traffic: dict[str, float] = {}  # deployment → percent; sums to 0 or 100
    intervals: list[Interval] = []
    traffic_key: TrafficKey | None = None
    salt: str
    mirror_traffic: dict[str, float] = {}  # deployment → percent of requests of which it gets copies
    properties: dict[str, Any] = {}  # these two are Azure's labels: kept and shown, as tags are
    location: str | None = None
    created_ms: int
    updated_ms: int
    ttl_s: int | None = None
    expires_ms: int | None = None  # when it is deleted by itself


class Revision(msgspec.Struct, frozen=True, kw_only=True):
    """An immutable (image digest, settings) of a deployment, with its mutable state beside it."""

    number: int
    image: str  # the reference as the user wrote it
    image_digest: str
    instance_count: int
    worker_count: int = 1  # scoring processes of each instance
    request_settings: RequestSettings
    environment_variables: dict[str, str]
    retry: RetryRule
    models: dict[str, int]  # model name → version inside the image
    state: RevisionState
    message: str = ""  # why it failed
    activity_id: str
    created_ms: int
    who: str = ""  # asked for it
    batching: Batching = Batching()
    response_cache: ResponseCache | None = None
    liveness_probe: LivenessProbe = LivenessProbe()
    readiness_probe: ReadinessProbe = ReadinessProbe()
    warm_until_ms: int | None = None


class EnvironmentLabels(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    name: str | None = None
    version: str | None = None
    description: str = ""
    tags: dict[str, str] = {}


class AzureLabels(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What Azure ML's file says of a deployment and nothing here acts on; kept and shown, as tags are."""

    properties: dict[str, Any] = {}
    type: str | None = None
    instance_type: str | None = None
    environment: EnvironmentLabels = EnvironmentLabels()


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    endpoint: str
    name: str
    description: str = ""
    tags: dict[str, str] = {}
    labels: AzureLabels = AzureLabels()
    keep_warm_s: int = KEEP_WARM_S  # how long a revision runs on when another took its place
    revisions: list[Revision] = []
    created_ms: int
    updated_ms: int
    ttl_s: int | None = None
    expires_ms: int | None = None  # when it is deleted by itself

    @property
    def live(self) -> Revision | None:
        return next((r for r in self.revisions if r.state is RevisionState.LIVE), None)

    @property
    def wanted(self) -> list[Revision]:
        """The revisions that serve or are to serve."""
        return [r for r in self.revisions if r.state in (RevisionState.LIVE, RevisionState.STARTING)]

    @property
    def latest(self) -> Revision | None:
        return self.revisions[-1] if self.revisions else None


def check_live(deployment: Deployment) -> None:
    """Raise Conflict if no revision of the deployment is live: traffic that it is given would meet nobody."""
    if deployment.live is not None:
        return
    name, latest = f"{deployment.endpoint}/{deployment.name}", deployment.latest
    if latest is not None and latest.state is RevisionState.STARTING:
        why = f"revision {latest.number} is starting: wait until `slipway deployment show {name}` says that it is live"
    elif latest is not None:
        why = f"revision {latest.number} {latest.state}: {latest.message or 'it never became ready'}"
    else:
        why = "it has no revision"
    raise Conflict(f"{name} cannot be given traffic, no revision of it is live; {why}", deployment=deployment.name)
