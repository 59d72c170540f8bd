import time

import pytest

from registry.cli.moments import read_at
from registry.core.errors import InvalidInput

HOUR_MS = 3_600_000


@pytest.mark.parametrize(
    ("text", "ago_ms"),
    [
        ("2 hours ago", 2 * HOUR_MS),
        ("1h ago", HOUR_MS),
        ("30 min ago", HOUR_MS / 2),
        ("45 seconds ago", 45_000),
        ("3 Days ago", 72 * HOUR_MS),
    ],
)
def test_a_time_can_be_told_by_how_long_ago_it_was(text: str, ago_ms: float) -> None:
    assert read_at(text) == pytest.approx(time.time() * 1000 - ago_ms, abs=10_000)


def test_a_time_before_all_times_is_the_first() -> None:
    assert read_at("999999 days ago") == 0


def test_a_time_without_a_zone_is_utc() -> None:
    assert read_at("1970-01-02") == read_at("1970-01-02T01:00+01:00") == 24 * HOUR_MS


@pytest.mark.parametrize("text", ["2 months ago", "hours ago", "2 hours", "yesterday", ""])
def test_what_is_no_time_is_refused_with_two_that_are(text: str) -> None:
    with pytest.raises(InvalidInput, match=r'write 2026-03-01 or .*, or "2 hours ago"'):
        read_at(text)
