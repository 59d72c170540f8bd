"""Makers of routing tables."""

import hashlib
from typing import Any

from registry.core.deploying.endpoints import RetryRule
from registry.core.deploying.keys import KeyHash
from serving.wire.routing import Backend, DeploymentRoute, EndpointRoute, RoutingTable, Server, Sticky

KEY = "a-key-of-the-tests"
SALT = "0123456789abcdef0123456789abcdef"


def backend(name: str, *servers: Server, timeout_ms: int = 1000, retry: RetryRule = RetryRule.ONCE) -> Backend:
    return Backend(
        name=name,
        servers=sorted(servers, key=lambda s: s.id),
        request_timeout_ms=timeout_ms,
        max_connections_per_server=128,
        retry=retry,
    )


def endpoint(name: str = "Cancer", *, source: str | None = None, **intervals: int) -> EndpointRoute:
    """An endpoint whose deployments are the intervals' names; a bound of 0 is a deployment without traffic."""
    return EndpointRoute(
        name=name,
        keys=[KeyHash("primary", hashlib.sha256(KEY.encode()).hexdigest())],
        intervals=[(bound, deployment) for deployment, bound in intervals.items() if bound],
        sticky=Sticky(source=source, salt=SALT) if source else None,
        deployments=[
            DeploymentRoute(name=d, backend=f"{name}.{d}.1".lower(), model_versions=[str(number)])
            for number, d in enumerate(sorted(intervals), 1)
        ],
    )


def table(generation: int, endpoints: list[EndpointRoute], backends: list[Backend], **more: Any) -> RoutingTable:
    return RoutingTable(generation=generation, endpoints=endpoints, backends=backends, **more)


class Tables:
    """The makers above, for tests that cannot import a conftest."""

    backend = staticmethod(backend)
    endpoint = staticmethod(endpoint)
    table = staticmethod(table)
