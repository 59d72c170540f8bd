"""When a thread waits for those whom it has just answered, and when it does not."""

from collections.abc import Callable
from itertools import pairwise

import pytest

from serving.scoring.engine.patience import Patience

Takes = Callable[[int], float]


def gains(count: int) -> float:
    """Seconds of a model that reads all its weights for one row as for many."""
    return 0.014 + 0.0005 * count


def gains_nothing(count: int) -> float:
    return 0.005 * count


def after(takes: Takes, *counts: int) -> Patience:
    patience = Patience()
    for count in counts:
        patience.ran(count, takes(count))
    return patience


@pytest.mark.parametrize(
    ("counts", "answered", "hoped", "waits"),
    [
        ((1, 63), 63, 64, True),
        ((1, 63), 1, 64, True),
        ((1, 63, *[64] * 200), 64, 64, True),  # what it knows is not forgotten where all runs are alike
        ((1,), 1, 2, False),  # nothing is known of larger runs
    ],
)
def test_it_waits_where_a_larger_run_is_known_to_save(
    counts: tuple[int, ...], answered: int, hoped: int, waits: bool
) -> None:
    wait_s = after(gains, *counts).wait_s(answered, hoped)
    assert (wait_s > 0) == waits
    assert wait_s <= gains(answered) / 2 + 1e-9


def test_it_does_not_wait_where_a_larger_run_saves_nothing() -> None:
    patience = after(gains_nothing, 1, 30, 34, 2, 62)
    assert patience.wait_s(30, 64) == 0


def test_a_run_that_was_interrupted_does_not_spoil_what_is_known_for_long() -> None:
    patience = after(gains_nothing, *[1, 63] * 20)
    patience.ran(1, 2.0)
    for count in [1, 63] * 100:
        patience.ran(count, gains_nothing(count))
    assert patience.wait_s(1, 64) == 0


def test_it_waits_less_and_less_often_for_those_who_do_not_come_back() -> None:
    patience = after(gains, 1, 63)
    waited_at = []
    for turn in range(300):
        if patience.wait_s(30, 35):
            waited_at.append(turn)
            patience.waited(30, missing=29)
    pauses = [later - earlier for earlier, later in pairwise(waited_at)]
    assert pauses == sorted(pauses)
    assert pauses[:3] == [2, 4, 8]
    assert max(pauses) <= 65

    for _ in range(5000):  # 2 ** 1024 is no float
        patience.waited(30, missing=29)
    while not patience.wait_s(30, 35):
        pass
    patience.waited(30, missing=1)
    assert patience.wait_s(30, 35)
