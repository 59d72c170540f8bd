"""Mirrored traffic: the chances by which the edge has requests copied. Pure."""

from collections.abc import Mapping

from registry.core.deploying.split import TRAFFIC_SCALE


def mirrors_of(shares: Mapping[str, float]) -> list[tuple[int, str]]:
    """Return the bound and deployment of each share, the greatest first.

    The edge draws one number from 0 to 9,999 for a request, which is copied to each deployment whose bound is above it:
    so the same requests go to all of them, as far as their shares reach, and the first bound alone tells whether there
    is anything to copy.
    """
    bounds = [(round(percent * TRAFFIC_SCALE / 100), name) for name, percent in shares.items() if percent > 0]
    return sorted(bounds, key=lambda bound: (-bound[0], bound[1]))
