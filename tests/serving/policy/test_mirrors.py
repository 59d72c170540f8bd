import pytest

from serving.policy.mirrors import mirrors_of


@pytest.mark.parametrize(
    ("shares", "bounds"),
    [
        ({}, []),
        ({"green": 100}, [(10000, "green")]),
        ({"green": 0.01, "red": 12.5, "blue": 0}, [(1250, "red"), (1, "green")]),
        ({"red": 50, "green": 50}, [(5000, "green"), (5000, "red")]),
    ],
)
def test_the_greatest_share_comes_first(shares: dict[str, float], bounds: list[tuple[int, str]]) -> None:
    assert mirrors_of(shares) == bounds
