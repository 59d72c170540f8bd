"""HAProxy's configuration as text, from a routing table. Pure: equal tables give equal text."""

import hashlib

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined

from registry.core.deploying.access_tokens import SKEW_S
from registry.core.deploying.endpoints import AuthMode, RetryRule
from registry.core.deploying.keys import FULL_AGAIN_S, KeyHash, KeyRules
from serving.edge.maps import MAP_NAMES, has_rules, token_key, traffic_sources
from serving.edge.names import checked
from serving.scoring.oip.server_metadata import server_metadata
from serving.wire.request_line import MARK
from serving.wire.routing import Backend, EndpointRoute, RoutingTable, Server, ServerState

RING_BYTES = 8 << 20  # about 25,000 lines wait here while the agent is away
LINE_BYTES = 8192  # the longest line is 6,200 bytes: a string of 512 bytes and three of 128, each escaped sixfold
DRAIN_S = 185  # how long a replaced HAProxy may finish what it has begun: over the longest request_timeout_ms
MESSAGE_S = 15  # within which the first 32 KiB of a unary gRPC message, or all of it, arrive
STREAM_IDLE_S = 300  # a stream on which neither side says anything for that long is ended
ALONE_BYTES = 256 << 10  # a request from that size on has a connection of its own to its replica, some 100 µs of CPU
H2_WINDOW_BYTES = 1 << 20  # of each stream: how far a sender may be ahead of the slowest reader
TOKEN_KEY_FILE = "token-key.pem"  # noqa: S105 - below HAProxy's working folder, as the maps are
KEY_LIMITS_S = FULL_AGAIN_S + 60  # what a key has asked is remembered for as long as it may count
KEYS = 2  # that an endpoint has, each with all the room that its replicas give
TIMEOUT_SLACK_MS = 200  # the scoring process gives up first and says so in its own words


class BackendShape(msgspec.Struct, frozen=True):
    """What of a backend cannot be changed without a reload."""

    name: str
    timeout_ms: int
    connections: int  # of each server, for each key
    retry_on: str  # "" where the default holds
    check_timeout_ms: int


class ConfigShape(msgspec.Struct, frozen=True):
    """What a running HAProxy has loaded from its configuration and only a reload changes."""

    backends: dict[str, BackendShape]
    sources: list[str] = []
    key_rules: bool = False  # whether any key has rules
    token_key: str = ""
    mirrors: bool = False  # whether requests of any endpoint may be copied

    def covers(self, other: "ConfigShape") -> bool:
        """Say whether a process with this shape can serve ``other`` through maps and server commands alone."""
        known = all(self.backends.get(name) == backend for name, backend in other.backends.items())
        return (
            known
            and set(other.sources) <= set(self.sources)
            and other.key_rules <= self.key_rules
            and other.token_key in ("", self.token_key)
            and other.mirrors <= self.mirrors
        )


def shape_of(table: RoutingTable) -> ConfigShape:
    """Return the part of the table that lives in the configuration's text."""
    backends = {
        backend.name: BackendShape(
            name=checked("backend", backend.name),
            timeout_ms=backend.request_timeout_ms + TIMEOUT_SLACK_MS,
            connections=backend.max_connections_per_server,
            retry_on="conn-failure" if backend.retry is RetryRule.NEVER else "",
            check_timeout_ms=backend.checks.timeout_ms,
        )
        for backend in table.backends
    }
    return ConfigShape(
        backends=backends,
        sources=traffic_sources(table),
        key_rules=has_rules(table),
        token_key=token_key(table),
        mirrors=any(endpoint.mirrors for endpoint in table.endpoints),
    )


def http_server(backend: Backend, server: Server) -> str:
    """Return the arguments of the replica's HTTP server: name, address and settings."""
    address = checked("address", server.http_address)
    return f"{checked('server', server.id)} {address} {_settings(backend)} sni var(txn.alone)"


def grpc_server(backend: Backend, server: Server) -> str:
    """Return the arguments of the replica's gRPC server; it is checked through the HTTP port."""
    address = checked("address", server.grpc_address)
    host, _, port = checked("address", server.http_address).rpartition(":")
    settings = f"{_settings(backend)} proto h2 check-proto h1 addr {host} port {port}"
    return f"{checked('server', server.id)} {address} {settings}"


def _settings(backend: Backend) -> str:
    """A refused connection tells of a process that has ended; its checks would, too, but up to a second later."""
    said = backend.checks
    every = f"inter {said.period_ms} fall {said.fall} rise {said.rise}"
    checks = f"check {every} observe layer4 error-limit 1 on-error mark-down"
    return f"maxconn {KEYS * backend.max_connections_per_server} {checks}"


def render_config(table: RoutingTable) -> str:
    """Return haproxy.cfg.

    Raises:
        UnsafeValue: a name or address in the table matches no pattern.
    """
    shape = shape_of(table)
    backends = [
        {
            **msgspec.structs.asdict(shape.backends[backend.name]),
            "servers": [
                {"http": http_server(backend, server), "grpc": grpc_server(backend, server)}
                for server in sorted(backend.servers, key=lambda s: s.id)
                if server.state is ServerState.READY
            ],
        }
        for backend in sorted(table.backends, key=lambda b: b.name)
    ]
    return _TEMPLATE.render(
        backends=backends,
        sources=[source.split(":", 1) for source in shape.sources],
        key_rules=shape.key_rules,
        mirrors=shape.mirrors,
        key_limits_s=KEY_LIMITS_S,
        token_key_file=TOKEN_KEY_FILE if shape.token_key else "",
        skew_s=SKEW_S,
        maps=MAP_NAMES,
        mark=MARK,
        ring_bytes=RING_BYTES,
        line_bytes=LINE_BYTES,
        drain_s=DRAIN_S,
        message_s=MESSAGE_S,
        stream_idle_s=STREAM_IDLE_S,
        h2_window_bytes=H2_WINDOW_BYTES,
        alone_bytes=ALONE_BYTES,
        server_metadata=msgspec.json.encode(server_metadata()).decode().replace('"', '\\"'),
    )


def template_digest() -> str:
    """Name the template's text: a HAProxy that was started from another one is replaced at the agent's start.

    What is rendered for some tables only counts, too: the table here has all of it.
    """
    server = Server(id="any", http_address="any:1", grpc_address="any:1", state=ServerState.READY)
    backend = Backend(
        name="any.any.1",
        servers=[server],
        request_timeout_ms=1,
        max_connections_per_server=1,
        retry=RetryRule.ONCE,
    )
    key = KeyHash("any", "0" * 64, KeyRules(allow_override=False))
    endpoint = EndpointRoute(
        name="any", keys=[key], auth_mode=AuthMode.AML_TOKEN, intervals=[], mirrors=[(1, "any")], deployments=[]
    )
    table = RoutingTable(generation=0, endpoints=[endpoint], backends=[backend], token_key=TOKEN_KEY_FILE)
    return hashlib.sha256(render_config(table).encode()).hexdigest()[:16]


_TEMPLATE = Environment(  # noqa: S701 - the output is no HTML
    loader=PackageLoader("serving.edge", "templates"),
    undefined=StrictUndefined,
    keep_trailing_newline=True,
    lstrip_blocks=True,
).get_template("haproxy.cfg.j2")
