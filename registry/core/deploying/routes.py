"""Which deployment a traffic key meets, computed without asking an edge: each of them does the same."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from registry.core.deploying.endpoints import Endpoint
from registry.core.deploying.split import Interval, bucket_of, deployment_of, interval_of
from registry.core.errors import WrongState

MAX_KEYS = 10_000  # in one call


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """The way of one key. ``low`` ≤ bucket < ``bound``; without a deployment that has traffic it leads nowhere."""

    key: str
    bucket: int
    low: int | None = None
    bound: int | None = None
    deployment: str | None = None
    revision: int | None = None


class KeysToRoute(msgspec.Struct, frozen=True, kw_only=True):
    """``traffic`` is a split to try; without one, it is the endpoint's own."""

    keys: list[str]
    traffic: dict[str, float] | None = None


class RoutedKeys(msgspec.Struct, frozen=True, kw_only=True):
    """``source`` is where the edge reads the key; ``moved_percent`` of all users a tried split would move."""

    source: str
    moved_percent: float
    routes: list[Route]


def route_keys(
    endpoint: Endpoint, intervals: Sequence[Interval], revisions: Mapping[str, int], keys: Iterable[str]
) -> list[Route]:
    """Return the way of each key under a split of the endpoint. ``revisions`` are the live ones by deployment."""
    routes = []
    for key in keys:
        bucket = bucket_of(endpoint.salt, key)
        deployment = deployment_of(intervals, bucket)
        if deployment is None:
            routes.append(Route(key=key, bucket=bucket))
            continue
        low, bound = interval_of(intervals, bucket)
        revision = revisions.get(deployment)
        routes.append(Route(key=key, bucket=bucket, low=low, bound=bound, deployment=deployment, revision=revision))
    return routes


def source_of(endpoint: Endpoint) -> str:
    """Return where an endpoint's traffic key is read. Raises WrongState if it has none: its split is random."""
    if endpoint.traffic_key is None:
        raise WrongState(
            f"endpoint {endpoint.name!r} has no traffic key, so every request goes to a random deployment: write "
            "traffic_key in its YAML",
            endpoint=endpoint.name,
        )
    return endpoint.traffic_key.source
