"""The traffic split: which buckets a deployment has, which bucket a key has, and how a change of weights moves them.

A split is a list of intervals of the buckets 0 to 9,999. ``lay_out`` says how one follows from another, and
``bucket_of`` is the twin of what every edge does for each request.
"""

import hashlib
from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from itertools import groupby, pairwise
from typing import NamedTuple

TRAFFIC_SCALE = 10_000  # buckets of a split: 0.01 % steps
MAX_INTERVALS = 8

Interval = tuple[int, str]  # (bound, deployment): its buckets lie below the bound, from the bound before on


class Run(NamedTuple):
    """Neighbouring buckets of one deployment."""

    deployment: str
    buckets: int


def lay_out(before: Sequence[Interval], weights: Mapping[str, float]) -> list[Interval]:
    """Return the intervals of ``weights``, percent by deployment, that move as few users as possible.

    Bounds ascend and end at 10,000; without weights there are none. What holds for every change:

    * Only a deployment that loses weight loses users, no more than it has to, and only to those that gain weight. So
      while a canary grows, nobody who has met it is moved back, whatever becomes of the others.
    * A deployment takes buckets beside its own where it can. Going back the way it came, it gives up what it took last.
    * A new one begins at bucket 0, the next at the other end, further ones inside of the largest.

    A split has at most 8 intervals, since the edges look for no more. A long history of four or more deployments, or a
    canary that takes from five at once, can need a ninth; then each gets one interval, in the order in which they lay,
    and others may have to move as well.
    """
    sizes = _sizes(weights)
    if not sizes:
        return []
    present = _runs_of(before)
    runs = _moved(present or _all_on_largest(sizes), sizes)
    if len(runs) > MAX_INTERVALS:
        new = sorted(sizes.keys() - dict(present).keys(), key=lambda name: (sizes[name], name))
        runs = [Run(name, sizes[name]) for name in dict.fromkeys([*new, *dict(present)]) if name in sizes]
    return _intervals_of(runs)


def among(intervals: Sequence[Interval], weights: Mapping[str, float], reachable: Collection[str]) -> list[Interval]:
    """Return the split as it is while only ``reachable`` deployments can answer: the others' users go to those."""
    rest = {name: percent for name, percent in weights.items() if name in reachable}
    return list(intervals) if len(rest) == len(weights) else lay_out(intervals, rest)


def within(intervals: Sequence[Interval], scope: Collection[str]) -> list[Interval]:
    """Return the split of a key that reaches only the deployments ``scope``: as ``intervals`` have it among them.

    Where none of them has any traffic, they share it equally: a key for a deployment without traffic tries it out.
    """
    shares = dict.fromkeys(scope, 0)
    for run in _runs_of(intervals):
        if run.deployment in shares:
            shares[run.deployment] += run.buckets
    return lay_out(intervals, shares if any(shares.values()) else dict.fromkeys(scope, 1))


def moved_share(before: Sequence[Interval], after: Sequence[Interval]) -> float:
    """Return how many of all users another deployment answers after a change, in percent."""
    bounds = sorted({0, *(bound for bound, _ in before), *(bound for bound, _ in after)})
    moved = sum(high - low for low, high in pairwise(bounds) if deployment_of(before, low) != deployment_of(after, low))
    return moved * 100 / TRAFFIC_SCALE


def bucket_of(salt: str, traffic_key: str) -> int:
    """Return the bucket, 0 to 9,999, of a traffic key at the endpoint that has this salt.

    The first four bytes of SHA-256 over ``salt/traffic_key`` in UTF-8, big-endian, modulo 10,000. Who does not know
    the salt can neither compute a bucket nor choose a key that has a certain one.
    """
    digest = hashlib.sha256(f"{salt}/{traffic_key}".encode()).digest()
    return int.from_bytes(digest[:4], "big") % TRAFFIC_SCALE


def deployment_of(intervals: Sequence[Interval], bucket: int) -> str | None:
    """Return the deployment that a bucket belongs to; None where no deployment has traffic."""
    return intervals[_position(intervals, bucket)][1] if intervals else None


def interval_of(intervals: Sequence[Interval], bucket: int) -> tuple[int, int]:
    """Return the interval that a bucket lies in, as its first bucket and its bound."""
    position = _position(intervals, bucket)
    return (intervals[position - 1][0] if position else 0), intervals[position][0]


def _position(intervals: Sequence[Interval], bucket: int) -> int:
    return bisect_right(intervals, bucket, key=lambda interval: interval[0])


def _sizes(weights: Mapping[str, float]) -> dict[str, int]:
    """Return the buckets of each deployment; what rounding leaves over goes to the largest fractions."""
    total = sum(weights.values())
    exact = {name: percent * TRAFFIC_SCALE / total for name, percent in weights.items() if percent > 0}
    sizes = {name: int(size) for name, size in exact.items()}
    left = TRAFFIC_SCALE - sum(sizes.values())
    for name in sorted(exact, key=lambda name: (sizes[name] - exact[name], name))[:left]:
        sizes[name] += 1
    return {name: size for name, size in sizes.items() if size}


def _all_on_largest(sizes: Mapping[str, int]) -> list[Run]:
    return [Run(min(sizes, key=lambda name: (-sizes[name], name)), TRAFFIC_SCALE)]


def _moved(runs: list[Run], sizes: Mapping[str, int]) -> list[Run]:
    while True:
        held = {name: sum(run.buckets for run in runs if run.deployment == name) for name in [*sizes, *dict(runs)]}
        wanted = {name: size - held[name] for name, size in sizes.items() if size > held[name]}
        spare = {name: size - sizes.get(name, 0) for name, size in held.items() if size > sizes.get(name, 0)}
        if not wanted:
            return runs
        taker, index, at_low_end = _beside(runs, wanted, spare) or _elsewhere(runs, sizes, wanted, spare)
        giver = runs[index]
        taken = Run(taker, min(wanted[taker], spare[giver.deployment], giver.buckets))
        left = Run(giver.deployment, giver.buckets - taken.buckets)
        runs = _joined([*runs[:index], *((taken, left) if at_low_end else (left, taken)), *runs[index + 1 :]])


def _beside(runs: list[Run], wanted: Collection[str], spare: Collection[str]) -> tuple[str, int, bool] | None:
    """Return who takes from which run, and whether at its low end: one that has buckets right beside it."""
    for index, (low, high) in enumerate(pairwise(runs)):
        if low.deployment in wanted and high.deployment in spare:
            return low.deployment, index + 1, True
        if low.deployment in spare and high.deployment in wanted:
            return high.deployment, index, False
    return None


def _elsewhere(
    runs: list[Run], sizes: Mapping[str, int], wanted: Collection[str], spare: Collection[str]
) -> tuple[str, int, bool]:
    """As ``_beside``, for who has none there: the smallest begins at an end, or at the largest run that gives."""
    taker = min(wanted, key=lambda name: (sizes[name], name))
    if runs[0].deployment in spare:
        return taker, 0, True
    if runs[-1].deployment in spare:
        return taker, len(runs) - 1, False
    giving = [index for index, run in enumerate(runs) if run.deployment in spare]
    return taker, max(giving, key=lambda index: runs[index].buckets), True


def _joined(runs: list[Run]) -> list[Run]:
    filled = groupby((run for run in runs if run.buckets), key=lambda run: run.deployment)
    return [Run(name, sum(run.buckets for run in neighbours)) for name, neighbours in filled]


def _runs_of(intervals: Sequence[Interval]) -> list[Run]:
    lows = [0, *(bound for bound, _ in intervals)]
    return [Run(name, bound - low) for low, (bound, name) in zip(lows, intervals, strict=False)]


def _intervals_of(runs: list[Run]) -> list[Interval]:
    intervals: list[Interval] = []
    for run in runs:
        low = intervals[-1][0] if intervals else 0
        intervals.append((low + run.buckets, run.deployment))
    return intervals
