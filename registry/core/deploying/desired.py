"""Desired state: what the controller is to make real, as one versioned document."""

import msgspec

from registry.core.deploying.endpoints import AuthMode, RequestSettings, RetryRule, RevisionState
from registry.core.deploying.engine_settings import Batching, ResponseCache
from registry.core.deploying.keys import KeyHash
from registry.core.deploying.probes import LivenessProbe, ReadinessProbe
from registry.core.deploying.split import Interval
from registry.core.deploying.traffic_keys import TrafficKey
from registry.core.imaging.signatures import Trust


class DesiredRevision(msgspec.Struct, frozen=True, kw_only=True):
    """A revision that is to run: starting, live or warm, never failed or retired."""

    number: int
    image: str
    image_digest: str
    instance_count: int
    worker_count: int = 1  # of each instance
    request_settings: RequestSettings
    environment_variables: dict[str, str]
    retry: RetryRule
    models: dict[str, int]
    state: RevisionState
    activity_id: str
    batching: Batching = Batching()
    response_cache: ResponseCache | None = None
    liveness_probe: LivenessProbe = LivenessProbe()
    readiness_probe: ReadinessProbe = ReadinessProbe()


class DesiredDeployment(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    revisions: list[DesiredRevision]


class DesiredEndpoint(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    keys: list[KeyHash]
    auth_mode: AuthMode = AuthMode.KEY
    traffic: dict[str, float]
    intervals: list[Interval]
    traffic_key: TrafficKey | None
    salt: str
    mirror_traffic: dict[str, float] = {}
    deployments: list[DesiredDeployment]


class DesiredState(msgspec.Struct, frozen=True, kw_only=True):
    """``version`` grows with every change; equal versions are equal documents. Everything is sorted by name."""

    version: int
    endpoints: list[DesiredEndpoint]
    trust: Trust = Trust()
    token_key: str = ""  # what verifies endpoints' tokens (``rs256``); "" where no endpoint ever took any


class DesiredVersion(msgspec.Struct, frozen=True, kw_only=True):
    """The version alone: what was answered before it was asked is in it, or in an earlier one."""

    version: int


class Obedience(msgspec.Struct, frozen=True, kw_only=True):
    """Whether requests are answered by what is desired: the edges that are there, and those that are ``behind``."""

    by_all: bool
    edges: list[str]
    behind: list[str]
