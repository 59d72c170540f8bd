"""What a supervisor is told, and what it tells the controller: changes at once, a heartbeat every 500 ms."""

from enum import StrEnum

import msgspec

from registry.core.deploying.endpoints import RequestSettings
from registry.core.deploying.engine_settings import Batching, ResponseCache
from registry.core.deploying.probes import LivenessProbe, ReadinessProbe

HEARTBEAT_S = 0.5


class ReplicaState(StrEnum):
    """preparing (image, environment) → starting (scoring process loads) → ready → draining → gone; or failed.

    ``restarting`` is a ready replica whose scoring process died and is being started again.
    """

    PREPARING = "preparing"
    STARTING = "starting"
    READY = "ready"
    RESTARTING = "restarting"
    DRAINING = "draining"
    FAILED = "failed"
    GONE = "gone"


class ReplicaSpec(msgspec.Struct, frozen=True, kw_only=True):
    """All a supervisor needs to serve one revision; sent through Ray as plain JSON."""

    endpoint: str
    deployment: str
    revision: int
    backend: str
    image_name: str
    image_digest: str
    environment_variables: dict[str, str]
    request_settings: RequestSettings
    worker_count: int = 1  # of its replica; each has a supervisor of its own
    registry_url: str
    controller_url: str
    state_dir: str  # the node's own folder: image cache, environments, logs
    secret_file: str  # holds the cluster's edge secret; scoring ports answer only to its bearer
    batching: Batching = Batching()
    response_cache: ResponseCache | None = None
    liveness_probe: LivenessProbe = LivenessProbe()
    readiness_probe: ReadinessProbe = ReadinessProbe()


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What a scoring process says of itself: requests in flight, ``waiting`` of which wait for the model, and since its
    start how many were refused for load, how many were begun when nobody waited any more, and how many a response cache
    answered, and did not."""

    in_flight: int
    rss_bytes: int
    waiting: int = 0
    refused: int = 0
    executed_after_deadline: int = 0
    cache_hits: int = 0
    cache_misses: int = 0


class ReplicaReport(msgspec.Struct, frozen=True, kw_only=True):
    """``replica`` names one life of a scoring process and is never used again: a restarted process is a new replica,
    so an edge cannot take the new one for the old. Of an instance of ``worker_count`` processes each has its report.
    ``error`` is the first line worth showing a person; ``provider`` is what runs an ONNX model. ``restarts`` counts
    this supervisor's processes that ended and were replaced; ``ended`` says how the last did, ``ended_ms`` when, since
    1970."""

    replica: str
    supervisor: str
    endpoint: str
    deployment: str
    revision: int
    state: ReplicaState
    http_address: str = ""
    grpc_address: str = ""
    pid: int = 0
    in_flight: int = 0
    rss_bytes: int = 0
    waiting: int = 0
    refused: int = 0
    executed_after_deadline: int = 0
    cache_hits: int = 0
    cache_misses: int = 0
    worker_count: int = 1
    provider: str = ""
    message: str = ""
    error: str = ""
    log_path: str = ""
    restarts: int = 0
    ended: str = ""
    ended_ms: int = 0
