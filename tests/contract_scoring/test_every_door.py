"""The same question through every door of every image, directly and through an edge, has the same answer."""

from collections.abc import Callable

import numpy as np
import pytest

from tests.contract_scoring.doors import DOORS, Columns, Door
from tests.contract_scoring.images import IMAGES, Image
from tests.contract_scoring.questions import Question
from tests.serving.clients.places import Place

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # advice of mlflow's, while it saves models

CASES = {
    f"{image.name}-{door.name}": (image, door, asked)
    for image in IMAGES
    for door in DOORS
    if (asked := [question for question in image.questions if door.takes(image, question)])
}


@pytest.mark.parametrize(("image", "door", "asked"), CASES.values(), ids=CASES)
def test_every_door_gives_the_same_numbers(
    place_of: Callable[[Image], Place], image: Image, door: Door, asked: list[Question]
) -> None:
    for question in asked:
        assert_same(question, door.ask(place_of(image), image, question))


def assert_same(question: Question, answer: Columns) -> None:
    """Compare every number exactly, in the type of the output."""
    if question.rows == 0 and not any(answer.values()):
        return
    expected = question.outputs
    assert set(answer) <= {*expected, "", "output_0"}
    assert len(answer) == len(expected)
    for (name, values), given in zip(expected.items(), answer.values(), strict=True):
        assert np.array(given, dtype=values.dtype).tolist() == values.ravel().tolist(), (question.name, name)
