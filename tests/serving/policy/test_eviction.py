import pytest

from serving.policy.eviction import Cached, bytes_of, to_drop


def cached(key: str, used: int, parts: dict[str, int], in_use: bool = False) -> Cached:
    return Cached(kind="image", key=key, name=key, parts=parts, last_used_ms=used, in_use=in_use)


OLD = cached("old", 1, {"base": 10, "old": 5})
NEW = cached("new", 2, {"base": 10, "new": 5})
RUNNING = cached("running", 0, {"running": 7}, in_use=True)


def test_what_is_shared_counts_once() -> None:
    assert bytes_of([OLD, NEW]) == 20


@pytest.mark.parametrize(
    ("most_bytes", "dropped"),
    [
        (27, []),
        (26, ["old"]),
        (22, ["old"]),  # its shared part stays with the other
        (21, ["old", "new"]),
        (0, ["old", "new"]),
        (-5, ["old", "new"]),
    ],
)
def test_what_was_used_longest_ago_goes_first_and_what_is_in_use_never(most_bytes: int, dropped: list[str]) -> None:
    assert [entry.key for entry in to_drop([NEW, RUNNING, OLD], most_bytes)] == dropped


def test_equal_times_go_in_the_order_of_their_keys() -> None:
    twins = [cached(key, 1, {key: 1}) for key in ("b", "a")]

    assert [entry.key for entry in to_drop(twins, 1)] == ["a"]
