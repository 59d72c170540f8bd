"""The line: whose turn it is, who is taken together, and what threads find in it."""

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.scoring.engine.line import Line
from serving.scoring.engine.tickets import AnyTicket
from serving.scoring.mirror import COPIES
from tests.serving.scoring.engine.tickets import ticket


def taken(line: Line) -> list[str]:
    """Take what waits, one after another, by name."""
    names = []
    while len(line):
        _, tickets = line.take()
        names += [one.call.request_id for one in tickets]
    return names


def test_keys_have_one_turn_after_another_and_each_is_first_come_first_served() -> None:
    line = Line()
    for name in ("a1", "a2", "a3", "b1", "c1", "b2"):
        line.put(ticket(name))
    assert taken(line) == ["a1", "b1", "c1", "a2", "b2", "a3"]


def test_a_key_that_comes_late_waits_for_one_of_each_other_at_most() -> None:
    line = Line()
    for number in range(50):
        line.put(ticket(f"a{number}"))
        line.put(ticket(f"b{number}"))
    assert line.ahead_of(b"z") == 2
    line.put(ticket("z"))
    assert taken(line)[:3] == ["a0", "b0", "z"]


def test_who_comes_while_another_key_floods_is_next() -> None:
    """What is worked on just now was the flooding key's; its next ticket would be two in a row."""
    line = Line()
    for number in range(50):
        line.put(ticket(f"a{number}"))
    line.take()
    line.put(ticket("z"))
    line.put(ticket("z"))
    assert taken(line)[:4] == ["z", "a1", "z", "a2"]


def test_copies_come_last_and_are_in_nobodys_way() -> None:
    line = Line()
    for name in ("m1", "m2"):
        line.put(ticket(name, key=COPIES))
    assert (line.ahead_of(b"a"), line.ahead_of(COPIES)) == (0, 2)
    for name in ("a1", "a2", "b1"):
        line.put(ticket(name))
    assert (line.ahead_of(b"c"), line.ahead_of(COPIES)) == (2, 5)
    assert taken(line) == ["a1", "b1", "a2", "m1", "m2"]


def test_copies_fill_what_a_batch_has_left() -> None:
    line = Line(lambda first, others: list(others)[:3])
    for name in ("m1", "m2"):
        line.put(ticket(name, part=object(), key=COPIES))
    for name in ("a1", "a2", "a3"):
        line.put(ticket(name, part=object()))
    _, tickets = line.take()
    assert [one.call.request_id for one in tickets] == ["a1", "a2", "a3", "m1"]


def test_two_keys_that_always_come_back_leave_a_third_its_turn() -> None:
    line = Line()
    order = []
    line.put(ticket("c"))
    line.put(ticket("c"))
    for _ in range(3):
        for name in ("a", "b"):
            line.put(ticket(name))
            order += [one.call.request_id for one in line.take()[1]]
    assert order == ["c", "a", "b", "c", "a", "b"]


def test_keys_without_end_are_not_kept() -> None:
    line = Line()
    for number in range(1000):
        line.put(ticket(chr(0x100 + number)))
        line.take()
    assert len(line._turns) < 100


def test_however_many_keys_wait_each_has_its_turn() -> None:
    line, keys = Line(), [chr(0x100 + number) for number in range(150)]
    for key in keys:
        line.put(ticket(key))
    served = set()
    for _ in range(2 * len(keys)):
        (one,) = line.take()[1]
        served.add(one.call.request_id)
        line.put(ticket(one.call.request_id))
    assert served == set(keys)


def test_what_is_dropped_is_never_taken() -> None:
    line = Line()
    first, second = ticket("a1"), ticket("a2")
    line.put(first)
    line.put(second)
    assert line.drop(first)
    assert not line.drop(first)
    assert (line.before(first), line.before(second)) == (None, 0)
    assert taken(line) == ["a2"]
    assert not line.drop(second)


def test_the_newest_of_a_key_is_taken_out() -> None:
    line = Line()
    for name in ("a1", "b1", "a2"):
        line.put(ticket(name))
    newest = line.newest_of(b"a")
    assert newest is not None
    assert newest.call.request_id == "a2"
    assert line.newest_of(b"c") is None
    assert sorted(line.keys()) == [b"a", b"b"]


@given(st.lists(st.sampled_from("abcd"), max_size=40), st.sampled_from("abcde"))
def test_a_place_in_the_line_is_said_with_one_too_many_of_each_other_key_at_most(keys: list[str], key: str) -> None:
    line = Line()
    for number, other in enumerate(keys):
        line.put(ticket(f"{other}{number}"))
    said = line.ahead_of(key.encode())
    line.put(ticket(f"{key}!"))
    really = taken(line).index(f"{key}!")
    assert really <= said <= really + len(set(keys))


def test_errands_go_before_tickets_but_never_two_of_them() -> None:
    line, done = Line(), []
    for number in range(3):
        line.put(ticket(f"a{number}"))
        line.put_errand(lambda number=number: done.append(f"errand {number}"))  # type: ignore[misc]
    for _ in range(6):
        errand, tickets = line.take()
        if errand is not None:
            errand()
        done.extend(one.call.request_id for one in tickets)
    assert done == ["errand 0", "a0", "errand 1", "a1", "errand 2", "a2"]


def kindred(first: AnyTicket, others: Iterator[AnyTicket]) -> Iterable[AnyTicket]:
    return [other for other in others if other.part == first.part][:2]


def test_those_that_are_chosen_are_taken_together_in_fair_order() -> None:
    line = Line(kindred)
    for name, kin in (("a1", 1), ("a2", 1), ("a3", 2), ("b1", 1), ("b2", None), ("a4", 1)):
        line.put(ticket(name, kin))
    together = []
    while len(line):
        _, tickets = line.take()
        together.append([one.call.request_id for one in tickets])
    assert together == [["a1", "b1", "a2"], ["b2"], ["a3"], ["a4"]]


def test_every_ticket_is_taken_once_whatever_threads_put_take_and_drop() -> None:
    line, seen, dropped = Line(kindred), Counter[str](), Counter[str]()
    counting = threading.Lock()

    def work() -> None:
        while True:
            _, tickets = line.take()
            if not tickets:
                return
            with counting:
                seen.update(one.call.request_id for one in tickets)

    def ask(key: str) -> None:
        for number in range(500):
            one = ticket(f"{key}{number}", part=number % 2)
            line.put(one)
            if number % 7 == 0 and line.drop(one):
                with counting:
                    dropped[one.call.request_id] += 1

    workers = [threading.Thread(target=work) for _ in range(4)]
    askers = [threading.Thread(target=ask, args=(key,)) for key in "abc"]
    for thread in (*workers, *askers):
        thread.start()
    for thread in askers:
        thread.join(20)
    line.close()
    for thread in workers:
        thread.join(20)
        assert not thread.is_alive()
    assert (len(line), line.keys()) == (0, [])
    assert seen + dropped == Counter(f"{key}{number}" for key in "abc" for number in range(500))


@pytest.mark.parametrize(
    "last", [lambda line: line.put(ticket("a2")), lambda line: line.put_errand(lambda: None), Line.close]
)
def test_who_gathers_goes_on_when_enough_wait_or_there_is_an_errand(last: Callable[[Line], None]) -> None:
    line = Line()
    line.put(ticket("a1"))
    gathered: list[int] = []
    thread = threading.Thread(target=lambda: gathered.append(line.gather(2, 60.0)))
    thread.start()
    last(line)
    thread.join(10)
    assert gathered == [len(line)]


def test_who_gathers_goes_on_when_the_time_is_over() -> None:
    line = Line()
    line.put(ticket("a1"))
    assert line.gather(2, 0.001) == 1
