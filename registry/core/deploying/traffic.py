"""The shares of an endpoint's deployments: of its requests (``traffic``), and of the copies made of them
(``mirror_traffic``), which nobody waits for."""

from collections.abc import Set as AbstractSet

from registry.core.deploying.split import MAX_INTERVALS, TRAFFIC_SCALE
from registry.core.errors import InvalidInput

MAX_MIRRORS = 4  # targets of one endpoint; each is a lane of copies of its own


def check_traffic(traffic: dict[str, float], deployments: AbstractSet[str]) -> dict[str, float]:
    """Return ``traffic`` without zero entries.

    Raises:
        InvalidInput: a deployment does not exist, a weight is out of range or finer than 0.01 %, the sum is neither
            0 nor 100, or there are more than eight positive weights.
    """
    positive = _positive("traffic", traffic, deployments, MAX_INTERVALS)
    total = sum(positive.values())
    if positive and abs(total - 100) > 1e-6:
        raise InvalidInput(f"traffic sums to {total:g}: it must be 0 or 100", path="$.traffic")
    return positive


def check_mirror_traffic(
    mirror_traffic: dict[str, float], traffic: dict[str, float], deployments: AbstractSet[str]
) -> dict[str, float]:
    """Return ``mirror_traffic`` without zero entries. Each share is its own: they need not sum to anything.

    Raises:
        InvalidInput: a deployment does not exist or answers every request itself, a share is out of range or finer
            than 0.01 %, or there are too many targets.
    """
    positive = _positive("mirror_traffic", mirror_traffic, deployments, MAX_MIRRORS)
    for name in positive:
        if traffic.get(name) == 100:
            raise InvalidInput(
                f"mirror_traffic names {name!r}, which answers every request itself: there would be nothing to compare",
                path=f"$.mirror_traffic.{name}",
            )
    return positive


def split_without(traffic: dict[str, float], gone: str) -> dict[str, float]:
    """Return a split of the others than ``gone``, each with its share of what is left, in steps of 0.01 to 100."""
    left = {name: percent for name, percent in sorted(traffic.items()) if name != gone}
    total, given, reached = sum(left.values()), 0, 0.0
    shares = {}
    for name, percent in left.items():
        reached += percent
        shares[name] = (round(reached * TRAFFIC_SCALE / total) - given) / 100
        given = round(reached * TRAFFIC_SCALE / total)
    return {name: share for name, share in shares.items() if share > 0}


def split_text(traffic: dict[str, float]) -> str:
    """Return a split as ``--traffic`` takes it: blue=90 green=10."""
    return " ".join(f"{name}={percent:g}" for name, percent in sorted(traffic.items())) or "none"


def _positive(what: str, shares: dict[str, float], deployments: AbstractSet[str], most: int) -> dict[str, float]:
    for name, percent in shares.items():
        path = f"$.{what}.{name}"
        if name not in deployments:
            known = ", ".join(sorted(deployments)) or "none"
            raise InvalidInput(f"{what} names deployment {name!r}, which does not exist (there is: {known})", path=path)
        if not 0 <= percent <= 100:
            raise InvalidInput(f"{what} of {name!r} is {percent}: a share lies between 0 and 100", path=path)
        if abs(percent * 100 - round(percent * 100)) > 1e-6:
            raise InvalidInput(f"{what} of {name!r} is {percent}: the finest step is 0.01", path=path)
    positive = {name: percent for name, percent in shares.items() if percent > 0}
    if len(positive) > most:
        raise InvalidInput(f"{what} has {len(positive)} positive shares: at most {most}", path=f"$.{what}")
    return positive
