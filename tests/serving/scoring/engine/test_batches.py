"""Each answer belongs to its own request, whatever is mixed and whatever fails."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.scoring.engine.batches import Gathering, Limits, Part, concatenated, each, part_of, split
from serving.scoring.runtimes.base import Call
from serving.scoring.tensors import Tensors


def call(deadline: float = 5.0, **parameters: Any) -> Call:
    made = Call("r", {}, deadline, 5000)
    made.parameters = parameters
    return made


def part(rows: int = 1, size_bytes: int = 8, kind: str | None = "a", deadline: float = 5.0) -> Part:
    return Part(None, call(deadline), kind, rows, size_bytes)


def rows(*values: float, dtype: Any = np.float32) -> Tensors:
    return {"x": np.array([[value] for value in values], dtype=dtype)}


def quick(size_bytes: int) -> float:
    return 0.0


CULPRIT = -1.0
REQUESTS = st.lists(st.lists(st.sampled_from([CULPRIT, 1.0, 2.0, 3.0]), min_size=1, max_size=5), max_size=40)


@given(REQUESTS)
def test_each_answer_is_of_its_own_request_and_only_culprits_fail(requests: list[list[float]]) -> None:
    """The model doubles, and refuses a batch that has a culprit in it, by name."""

    def model(asked: Sequence[Part]) -> list[Tensors]:
        batch = concatenated([one.asked for one in asked])
        if CULPRIT in batch["x"]:
            raise ValueError("refused: " + ", ".join(one.call.request_id for one in asked))
        shares = split({"y": batch["x"] * 2}, [one.rows for one in asked])
        assert shares is not None
        return shares

    parts = [
        part_of({"x": np.array(values, dtype=np.float32)}, Call(f"r{place}", {}, 5.0, 5000))
        for place, values in enumerate(requests)
    ]
    outcomes = each(parts, model) if parts else []
    assert len(outcomes) == len(requests)
    for place, (values, outcome) in enumerate(zip(requests, outcomes, strict=True)):
        if CULPRIT in values:
            assert str(outcome) == f"refused: r{place}"
        else:
            assert isinstance(outcome, dict)
            assert outcome["y"].tolist() == [2 * value for value in values]


def test_one_culprit_of_32_is_found_in_eleven_runs_and_three_times_the_rows() -> None:
    ran: list[int] = []

    def model(asked: Sequence[Part]) -> list[str]:
        ran.append(len(asked))
        if any(one.rows == 2 for one in asked):
            raise ValueError("refused")
        return ["good"] * len(asked)

    outcomes = each([part(rows=2 if place == 17 else 1) for place in range(32)], model)
    assert [outcome == "good" for outcome in outcomes] == [place != 17 for place in range(32)]
    assert (len(ran), sum(ran)) == (11, 94)


def test_outputs_without_a_row_for_each_are_nobodys() -> None:
    whole = {"y": np.zeros((3, 2)), "z": np.zeros(3)}
    assert split(whole, [1, 2]) is not None
    assert split(whole, [1, 1]) is None
    assert split({**whole, "sum": np.zeros(())}, [1, 2]) is None
    assert split({**whole, "one": np.zeros((1, 3))}, [1, 2]) is None


def test_rows_are_put_together_by_name_whatever_their_order() -> None:
    both = concatenated([{"a": np.array([1]), "b": np.array([2])}, {"b": np.array([20]), "a": np.array([10])}])
    assert {name: array.tolist() for name, array in both.items()} == {"a": [1, 10], "b": [2, 20]}


@pytest.mark.parametrize(
    ("tensors", "parameters"),
    [
        (rows(1, dtype=np.float64), {}),
        ({"x": np.zeros((1, 2), dtype=np.float32)}, {}),
        ({"x": np.zeros(1, dtype=np.float32)}, {}),
        ({"y": np.zeros((1, 1), dtype=np.float32)}, {}),
        ({**rows(1), "y": np.zeros(1, dtype=np.float32)}, {}),
        (rows(1), {"temperature": 1}),
    ],
)
def test_other_names_datatypes_row_shapes_or_parameters_are_another_kind(
    tensors: Tensors, parameters: dict[str, Any]
) -> None:
    gathering = Gathering(part_of(rows(1), call()), Limits(), 0.0, quick)
    assert not gathering.takes(part_of(tensors, call(**parameters)))
    assert gathering.takes(part_of(rows(1, 2, 3), call()))


def test_parameters_of_another_type_are_another_kind() -> None:
    gathering = Gathering(part_of(rows(1), call(flag=True)), Limits(), 0.0, quick)
    assert not gathering.takes(part_of(rows(1), call(flag=1)))
    assert gathering.takes(part_of(rows(1), call(flag=True)))


@pytest.mark.parametrize(
    "tensors",
    [
        {},
        rows(),
        {"x": np.float32(1).reshape(())},
        {"x": np.zeros((2, 1)), "y": np.zeros((1, 1))},
        {"x": np.zeros((0, 4)), "y": np.zeros((0, 1))},
    ],
)
def test_what_has_no_rows_in_common_runs_alone(tensors: Tensors) -> None:
    alone = part_of(tensors, call())
    assert alone.kind is None
    assert not Gathering(alone, Limits(), 0.0, quick).takes(part_of(tensors, call()))


def test_a_batch_is_bounded_by_rows_and_bytes() -> None:
    gathering = Gathering(part(rows=2, size_bytes=10), Limits(rows=8, size_bytes=100), 0.0, quick)
    assert not gathering.takes(part(rows=7))
    assert not gathering.takes(part(size_bytes=91))
    assert gathering.takes(part(rows=6, size_bytes=10))
    assert not gathering.takes(part(rows=1))


def test_strings_count_with_their_length() -> None:
    assert part_of({"x": np.array(["ab", "c" * 100], dtype=object)}, call()).size_bytes == 2 * 8 + 102


def test_a_batch_ends_before_the_soonest_deadline_of_those_in_it() -> None:
    def a_second_for_ten_bytes(size_bytes: int) -> float:
        return size_bytes / 10

    gathering = Gathering(part(size_bytes=10, deadline=109.0), Limits(), 100.0, a_second_for_ten_bytes)
    assert not gathering.takes(part(size_bytes=10, deadline=101.9))
    assert gathering.takes(part(size_bytes=20, deadline=104.0))
    assert not gathering.takes(part(size_bytes=11, deadline=200.0))
    assert gathering.takes(part(size_bytes=10, deadline=200.0))
