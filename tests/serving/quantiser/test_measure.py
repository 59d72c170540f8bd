from itertools import count

import numpy as np
import pytest

from serving.quantiser.measure import Run, as_arrays, compare, row_ms
from serving.quantiser.model import batch_size
from serving.quantiser.rows import Array, InputSpec, Refused

SCORES = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]])
MOVED = np.array([[0.8, 0.2], [0.2, 0.8], [0.4, 0.6], [0.3, 0.7]])  # the third changed its class


def test_without_labels_it_is_the_share_of_classes_that_stayed() -> None:
    compared = compare([SCORES], [MOVED], None)
    assert (compared.measure, compared.before, compared.after, compared.drop) == ("agreement", 1.0, 0.75, 0.25)
    assert compared.max_error == pytest.approx(0.2)
    assert compared.mean_error == pytest.approx(0.075)


def test_with_labels_it_is_the_share_of_right_answers() -> None:
    compared = compare([SCORES], [MOVED], np.array([0.0, 1.0, 0.0, 0.0]))
    assert (compared.measure, compared.before, compared.after, compared.drop) == ("accuracy", 0.75, 0.5, 0.25)
    better = compare([SCORES], [MOVED], np.array([0.0, 1.0, 1.0, 1.0]))
    assert (better.after, better.drop) == (1.0, 0.0)


def test_an_output_of_classes_is_believed_before_scores() -> None:
    names = np.array(["bad", "good", "bad", "good"], dtype=object)
    compared = compare([names, SCORES], [names, MOVED], np.array(["bad", "good", "bad", "bad"], dtype=object))
    assert (compared.before, compared.after) == (0.75, 0.75)
    with pytest.raises(Refused, match="names against numbers"):
        compare([names], [names], np.array([0.0, 1.0, 0.0, 1.0]))


def test_numbers_are_compared_by_their_range() -> None:
    before, after = np.array([[0.0], [10.0]], np.float32), np.array([[1.0], [10.0]], np.float32)
    compared = compare([before], [after], None)
    assert (compared.measure, compared.before, compared.after, compared.drop) == ("error", 0.0, 0.05, 0.05)
    labelled = compare([before], [after], np.array([1.0, 10.0]))
    assert labelled.drop == 0.0
    with pytest.raises(Refused, match="one label for each row, and the model answers with 3 numbers"):
        compare([np.zeros((2, 1, 3))], [np.zeros((2, 1, 3))], np.zeros(2))


def test_what_is_neither_is_refused() -> None:
    with pytest.raises(Refused, match="neither classes nor numbers"):
        compare([np.array([[True], [False]])], [np.array([[True], [False]])], None)


def test_models_take_turns_and_each_has_its_median() -> None:
    ticks = count()
    turns: list[str] = []

    def run_of(name: str) -> Run:
        def run(row: dict[str, Array]) -> list[Array]:
            turns.append(name)
            return []

        return run

    times = row_ms([run_of("a"), run_of("b")], {}, lambda: next(ticks) * 0.001)
    assert turns[:6] == ["a", "b"] * 3
    assert times == pytest.approx([1.0, 1.0])


def test_a_classifiers_maps_become_columns() -> None:
    (array,) = as_arrays([[{"bad": 0.25, "good": 0.75}, {"bad": 1.0, "good": 0.0}]])
    assert array.tolist() == [[0.25, 0.75], [1.0, 0.0]]


def test_a_model_that_takes_another_number_of_rows_than_one_is_refused() -> None:
    assert batch_size([InputSpec("x", "float32", (None, 3))]) > 1
    assert batch_size([InputSpec("x", "float32", (1, 3))]) == 1
    with pytest.raises(Refused, match="takes 8 rows at once"):
        batch_size([InputSpec("x", "float32", (8, 3))])
