"""Real clients reach one linear model, at its scoring process' port and through an edge."""

from collections.abc import Iterator

import pytest

from tests.serving.clients.places import PLACES, Place
from tests.serving.scoring.models import linear_model


@pytest.fixture(scope="package", params=list(PLACES))
def linear_at(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """The model that multiplies rows of 3 numbers by 1, 2 and -4, and adds 0.5; as ``linear``, version 7."""
    with PLACES[request.param](tmp_path_factory.mktemp("linear"), model=linear_model()) as place:
        yield place
