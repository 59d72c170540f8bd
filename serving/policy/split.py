"""The traffic split: intervals of buckets, and the bucket of a traffic key. Pure, the twin of what the edge does."""

import hashlib
from collections.abc import Mapping

from registry.core.endpoints import TRAFFIC_SCALE


def intervals_of(weights: Mapping[str, float]) -> list[tuple[int, str]]:
    """Return the upper bound and deployment of each interval of buckets, bounds ascending and ending at 10,000.

    ``weights`` are percent that sum to 100, or nothing. Deployments lie in the order of their names whatever they
    weigh, so of two deployments each keeps its own end of the range: while one grows, none of its users moves back.
    """
    bounds: list[tuple[int, str]] = []
    reached = 0.0
    for deployment, percent in sorted(weights.items()):
        reached += percent
        bounds.append((round(reached * TRAFFIC_SCALE / 100), deployment))
    return bounds


def bucket_of(endpoint: str, traffic_key: str) -> int:
    """Return the bucket, 0 to 9,999, of a traffic key at an endpoint.

    The first four bytes, big-endian, of SHA-256 of ``endpoint/key`` (the endpoint's name in lower case), modulo 10,000.
    """
    digest = hashlib.sha256(f"{endpoint.lower()}/{traffic_key}".encode()).digest()
    return int.from_bytes(digest[:4], "big") % TRAFFIC_SCALE
