"""Mirrored traffic: which deployments get copies of an endpoint's requests, and of how many. Nobody waits for them."""

from collections.abc import Set as AbstractSet

from registry.core.errors import InvalidInput

MAX_MIRRORS = 4  # targets of one endpoint; each is a lane of copies of its own


def check_mirror_traffic(
    mirror_traffic: dict[str, float], traffic: dict[str, float], deployments: AbstractSet[str]
) -> dict[str, float]:
    """Return ``mirror_traffic`` without zero entries. Each share is its own: they need not sum to anything.

    Raises:
        InvalidInput: a deployment does not exist or answers every request itself, a share is out of range or finer
            than 0.01 %, or there are too many targets.
    """
    for name, percent in mirror_traffic.items():
        path = f"$.mirror_traffic.{name}"
        if name not in deployments:
            known = ", ".join(sorted(deployments)) or "none"
            raise InvalidInput(
                f"mirror_traffic names deployment {name!r}, which does not exist (there is: {known})", path=path
            )
        if not 0 <= percent <= 100:
            raise InvalidInput(f"mirror_traffic of {name!r} is {percent}: a share lies between 0 and 100", path=path)
        if abs(percent * 100 - round(percent * 100)) > 1e-6:
            raise InvalidInput(f"mirror_traffic of {name!r} is {percent}: the finest step is 0.01", path=path)
        if percent and traffic.get(name) == 100:
            raise InvalidInput(
                f"mirror_traffic names {name!r}, which answers every request itself: there would be nothing to compare",
                path=path,
            )
    positive = {name: percent for name, percent in mirror_traffic.items() if percent > 0}
    if len(positive) > MAX_MIRRORS:
        raise InvalidInput(
            f"mirror_traffic has {len(positive)} targets: at most {MAX_MIRRORS}", path="$.mirror_traffic"
        )
    return positive
