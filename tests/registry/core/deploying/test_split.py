"""How a split is laid out over the buckets, and how changes of it move users."""

from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core.deploying.split import (
    MAX_INTERVALS,
    TRAFFIC_SCALE,
    Interval,
    among,
    bucket_of,
    deployment_of,
    interval_of,
    lay_out,
    moved_share,
    within,
)

SALT = "0123456789abcdef0123456789abcdef"


def every_bucket(intervals: Sequence[Interval]) -> list[str]:
    low, owners = 0, []
    for bound, name in intervals:
        owners += [name] * (bound - low)
        low = bound
    return owners


def steps(*splits: dict[str, float]) -> list[list[Interval]]:
    """Lay out one split after another."""
    laid: list[list[Interval]] = [[]]
    for weights in splits:
        laid.append(lay_out(laid[-1], weights))
    return laid[1:]


def test_a_keys_own_split_is_the_endpoints_among_what_it_reaches() -> None:
    intervals = [(1000, "red"), (4000, "green"), (10_000, "blue")]
    assert within(intervals, ["green"]) == [(10_000, "green")]
    assert Counter(every_bucket(within(intervals, ["blue", "green"]))) == {"green": 3333, "blue": 6667}
    assert within(intervals, ["new", "red"]) == [(10_000, "red")]
    assert Counter(every_bucket(within(intervals, ["new", "newer"]))) == {"new": 5000, "newer": 5000}
    assert within([], ["new"]) == [(10_000, "new")]
    assert within(intervals, []) == []


def test_a_bucket_is_computed_offline_from_salt_and_key() -> None:
    assert [bucket_of(SALT, key) for key in ("alice-0001", "bob", "é", "")] == [9518, 8177, 9224, 1246]
    assert bucket_of("f" * 32, "alice-0001") != bucket_of(SALT, "alice-0001")


def test_nothing_weighs_nothing() -> None:
    assert lay_out([], {}) == lay_out([(10_000, "blue")], {}) == lay_out([], {"blue": 0}) == []
    assert deployment_of([], 17) is None


def test_a_canary_grows_from_bucket_0_and_goes_back_as_it_came() -> None:
    ramp = steps(*({"blue": 100 - percent, "green": percent} for percent in (0, 0.01, 10, 20, 50, 20, 10, 0)))
    assert ramp == [
        [(10_000, "blue")],
        [(1, "green"), (10_000, "blue")],
        [(1000, "green"), (10_000, "blue")],
        [(2000, "green"), (10_000, "blue")],
        [(5000, "green"), (10_000, "blue")],
        [(2000, "green"), (10_000, "blue")],
        [(1000, "green"), (10_000, "blue")],
        [(10_000, "blue")],
    ]


@pytest.mark.parametrize(
    ("splits", "laid"),
    [
        # Of two canaries one grows up from below, the other down from above; neither takes the other's users.
        ([{"blue": 100}, {"blue": 90, "green": 10}, {"blue": 80, "green": 10, "red": 10}],
         [(1000, "green"), (9000, "blue"), (10_000, "red")]),
        ([{"blue": 80, "green": 10, "red": 10}, {"blue": 50, "green": 20, "red": 30}],
         [(2000, "green"), (7000, "blue"), (10_000, "red")]),
        # A third begins between them; where its room is taken, it goes on beside whoever has some.
        ([{"blue": 80, "green": 10, "red": 10}, {"blue": 70, "green": 10, "grey": 10, "red": 10}],
         [(1000, "green"), (2000, "grey"), (9000, "blue"), (10_000, "red")]),
        # A canary that wins, and the next one, which has the name of the first blue.
        ([{"blue": 90, "green": 10}, {"green": 100}, {"green": 95, "blue": 5}], [(500, "blue"), (10_000, "green")]),
        # One that goes, and one that comes in its place: nobody else moves.
        ([{"blue": 90, "green": 10}, {"purple": 90, "green": 10}], [(1000, "green"), (10_000, "purple")]),
        # Two that grow at the expense of a third far from one of them: blue's users stay where they are.
        ([{"blue": 70, "green": 20, "red": 10}, {"blue": 75, "green": 10, "red": 15}],
         [(1000, "red"), (8500, "blue"), (9500, "green"), (10_000, "red")]),
        # Weights that change places move only what they must: 80 %.
        ([{"blue": 90, "green": 10}, {"blue": 10, "green": 90}], [(9000, "green"), (10_000, "blue")]),
    ],
)  # fmt: skip
def test_what_becomes_of_a_split(splits: list[dict[str, float]], laid: list[Interval]) -> None:
    assert steps(*splits)[-1] == laid


WEIGHTS = st.dictionaries(st.sampled_from("abcde"), st.integers(1, 9999), min_size=1).map(
    lambda parts: {name: 100 * part / sum(parts.values()) for name, part in parts.items()}
)


@given(st.lists(WEIGHTS, min_size=1, max_size=12))
def test_only_who_loses_weight_loses_users_and_only_as_many(history: list[dict[str, float]]) -> None:
    before: list[Interval] = []
    for weights in history:
        after = lay_out(before, weights)
        owners = every_bucket(after)
        held, wanted = Counter(every_bucket(before)), Counter(owners)
        assert len(owners) == TRAFFIC_SCALE
        assert len(after) <= MAX_INTERVALS
        assert all(abs(wanted[name] - percent * 100) < 1 for name, percent in weights.items())
        relaid = len(after) == len(weights) >= 4  # one interval for each, since there would have been nine
        if before and not relaid:
            gone = Counter(old for old, new in zip(every_bucket(before), owners, strict=True) if old != new)
            assert gone == held - wanted
            assert moved_share(before, after) == pytest.approx(gone.total() / 100)
        before = after


@given(
    WEIGHTS.filter(lambda weights: len(weights) < 4),
    st.lists(st.integers(0, 100), min_size=2, max_size=6, unique=True).map(sorted),
)
def test_whoever_met_a_canary_stays_with_it_while_it_grows(others: dict[str, float], ramp: list[int]) -> None:
    before: list[Interval] = lay_out([], others)
    met: set[int] = set()
    for percent in ramp:
        rest = {name: weight * (100 - percent) / 100 for name, weight in others.items()}
        before = lay_out(before, {**rest, "new": percent})
        now = {bucket for bucket, name in enumerate(every_bucket(before)) if name == "new"}
        assert met <= now
        met = now


def test_who_cannot_be_reached_is_stood_in_for_and_nobody_else_moves() -> None:
    weights = {"blue": 80.0, "green": 10.0, "red": 10.0}
    split = lay_out([], weights)
    assert among(split, weights, {"blue", "green", "red"}) == split
    without = every_bucket(among(split, weights, {"blue", "red"}))
    assert all(new == old for old, new in zip(every_bucket(split), without, strict=True) if old == "red")
    assert among(split, weights, set()) == []


@given(WEIGHTS, st.integers(0, TRAFFIC_SCALE - 1))
def test_the_interval_of_a_bucket_is_its_deployment_s(weights: dict[str, float], bucket: int) -> None:
    intervals = lay_out([], weights)
    low, bound = interval_of(intervals, bucket)
    assert low <= bucket < bound
    assert (bound, deployment_of(intervals, bucket)) in intervals
