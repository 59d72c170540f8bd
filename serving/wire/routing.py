"""The routing table: one versioned document from the controller to every edge agent.

Rules an agent keeps (design, section 3): a table whose generation is not newer than the applied one is ignored; a
server, backend or endpoint that is merely missing from a table stays; only a tombstone removes it.
"""

from enum import StrEnum

import msgspec

from registry.core.deploying.endpoints import AuthMode, RetryRule
from registry.core.deploying.keys import KeyHash
from registry.core.deploying.probes import HealthChecks
from registry.core.deploying.split import Interval

SCHEMA = 2


class ServerState(StrEnum):
    READY = "ready"
    DRAINING = "draining"


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """One replica's scoring process. ``id`` is unique for ever; addresses are ``host:port``."""

    id: str
    http_address: str
    grpc_address: str
    state: ServerState


class Backend(msgspec.Struct, frozen=True, kw_only=True):
    """The replicas of one revision. ``name`` is ``endpoint.deployment.revision`` in lower case."""

    name: str
    servers: list[Server]
    request_timeout_ms: int
    max_connections_per_server: int  # twice the replica's own limit: a safety net, not the queue
    retry: RetryRule
    checks: HealthChecks = HealthChecks()


class DeploymentRoute(msgspec.Struct, frozen=True, kw_only=True):
    """A deployment that can be reached, by its live revision's backend."""

    name: str
    backend: str
    model_versions: list[str]  # /v2/models/{endpoint}/versions/{v} picks the deployment that serves v


class Sticky(msgspec.Struct, frozen=True, kw_only=True):
    """What makes a split sticky: where the traffic key is read, ``header:x-user-id``, and the salt of its hash."""

    source: str
    salt: str


class EndpointRoute(msgspec.Struct, frozen=True, kw_only=True):
    """``intervals`` are the split: bucket < bound → deployment, bounds ascending, the last one 10,000; empty when
    no deployment has traffic. Buckets are random where nothing is ``sticky``. ``mirrors`` are the deployments that get
    copies: chance 0–9999 < bound, the greatest bound first."""

    name: str
    keys: list[KeyHash]
    auth_mode: AuthMode = AuthMode.KEY
    intervals: list[Interval]
    sticky: Sticky | None = None
    mirrors: list[tuple[int, str]] = []
    deployments: list[DeploymentRoute]


class TombstoneKind(StrEnum):
    SERVER = "server"
    BACKEND = "backend"
    DEPLOYMENT = "deployment"  # name is "endpoint/deployment"
    ENDPOINT = "endpoint"


class Tombstone(msgspec.Struct, frozen=True, kw_only=True):
    """An explicit order to forget. ``name`` of a server is ``backend/server id``."""

    kind: TombstoneKind
    name: str
    generation: int  # the table that first carried it


class RoutingTable(msgspec.Struct, frozen=True, kw_only=True):
    """Sorted by name throughout, so equal tables are equal bytes. ``generation`` always grows, also across restarts."""

    schema: int = SCHEMA
    generation: int
    endpoints: list[EndpointRoute] = []
    backends: list[Backend] = []
    tombstones: list[Tombstone] = []
    token_key: str = ""  # verifies the tokens of endpoints that take them


def backend_name(endpoint: str, deployment: str, revision: int) -> str:
    """Name the backend of a revision: ``cancer.blue.1``. Dots cannot occur in either name."""
    return f"{endpoint}.{deployment}.{revision}".lower()
