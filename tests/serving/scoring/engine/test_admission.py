"""Who is let in, who makes room, and when the refused may come again."""

import pytest

from serving.scoring.engine.admission import Admission
from serving.scoring.mirror import COPIES


def admission(*keys: bytes, max_concurrent: int = 4, threads: int = 1, each_s: float = 0.0) -> Admission:
    """Make one in which requests of these keys are in flight."""
    made = Admission(max_concurrent, threads)
    if each_s:
        for _ in range(threads + 1):
            made.learn(each_s)
    for key in keys:
        made.enter(key)
    return made


def test_it_is_full_with_twice_as_many_as_may_be_in_flight() -> None:
    assert not admission(*[b"a"] * 7).full
    assert admission(*[b"a"] * 8).full


@pytest.mark.parametrize(
    ("in_flight", "newcomer", "gives_way"),
    [
        ("aaaaaaaa", b"b", b"a"),
        ("aaaaaaaa", b"a", None),
        ("aaaaabbb", b"b", b"a"),
        ("aaaaabbb", b"a", None),
        ("aaaabbbb", b"a", None),
        ("aaaabbbb", b"b", None),
        ("aaaaabbb", b"c", b"a"),
        ("abcdefgh", b"i", None),
        ("aabcdefg", b"i", b"a"),
    ],
)
def test_who_has_most_makes_room_for_who_has_fewer_even_then(
    in_flight: str, newcomer: bytes, gives_way: bytes | None
) -> None:
    keys = [key.encode() for key in in_flight]
    assert admission(*keys).gives_way(newcomer, dict.fromkeys(keys)) == gives_way


def test_copies_make_room_for_everybody_and_nobody_for_them() -> None:
    crowded = admission(*[b"a"] * 7, COPIES)
    assert crowded.gives_way(b"a", [b"a", COPIES]) == COPIES
    assert crowded.gives_way(COPIES, [b"a"]) is None


def test_nobody_makes_room_whose_requests_are_all_being_worked_on() -> None:
    assert admission(*[b"a"] * 8).gives_way(b"b", []) is None


@pytest.mark.parametrize(
    ("waiting", "threads", "each_s", "retry_after_s"),
    [(0, 1, 0.0, 1), (0, 1, 0.5, 1), (7, 1, 0.5, 4), (7, 2, 0.5, 2), (7, 1, 0.6, 5)],
)
def test_the_refused_may_come_again_when_the_line_has_been_served(
    waiting: int, threads: int, each_s: float, retry_after_s: int
) -> None:
    refusing = admission(threads=threads, each_s=each_s)
    assert refusing.refusal(waiting, "no").retry_after_s == retry_after_s
    assert refusing.refused == 1


def test_a_request_is_in_time_if_those_before_it_and_it_are_done_by_then() -> None:
    deciding = admission(each_s=0.1)
    assert deciding.in_time(7, 1.11)  # 7 that wait and one that runs, if they take a quarter more, and itself
    assert not deciding.in_time(8, 1.11)
    assert admission().in_time(1000, 0.01)  # nothing is known yet


def test_one_slow_run_does_not_make_all_look_slow() -> None:
    learning = admission(each_s=0.01)
    learning.learn(60.0)
    assert learning.expected_s == pytest.approx(0.016)
    for _ in range(100):
        learning.learn(0.3, requests=3)
    assert learning.expected_s == pytest.approx(0.1)


@pytest.mark.parametrize("threads", [1, 2])
def test_what_each_threads_first_run_takes_is_held_against_nobody(threads: int) -> None:
    starting = admission(threads=threads)
    for _ in range(threads):
        starting.learn(3.0)
    assert starting.in_time(100, 0.2)
    starting.learn(0.005)
    assert starting.expected_s == pytest.approx(0.005)
    assert starting.in_time(30, 0.2)
    assert not starting.in_time(100, 0.2)


def test_what_takes_now_more_and_now_less_is_given_more_time() -> None:
    steady, changing = admission(each_s=0.1), admission(each_s=0.1)
    for _ in range(50):
        changing.learn(0.15)
        changing.learn(0.05)
    assert steady.likely_s == pytest.approx(0.1)
    assert 0.18 < changing.likely_s < 0.22


def test_who_left_counts_no_more() -> None:
    deciding = admission(b"a", b"a", b"b", max_concurrent=1)
    for key in (b"a", b"a", b"b"):
        deciding.leave(key)
    assert deciding.in_flight == 0
    assert deciding.gives_way(b"b", []) is None
