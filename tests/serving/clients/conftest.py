"""Real clients reach one model, at its scoring process' port and through an edge."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.serving.clients.places import PLACES, Place
from tests.serving.scoring.models import linear_model


@pytest.fixture(scope="package", params=list(PLACES))
def linear_at(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """The model that multiplies rows of 3 numbers by 1, 2 and -4, and adds 0.5; as ``linear``, version 7."""
    with PLACES[request.param](tmp_path_factory.mktemp("linear"), model=linear_model()) as place:
        yield place


@pytest.fixture(scope="package", params=list(PLACES))
def counting_at(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A script that gives several answers, as ``linear``: see ``counting.py``."""
    script = Path(__file__).with_name("counting.py").read_text()
    with PLACES[request.param](tmp_path_factory.mktemp("counting"), script=script) as place:
        yield place


@pytest.fixture(params=list(PLACES))
def own_place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., Place]]:
    """Make a place of one's own, which a test may break."""
    with contextlib.ExitStack() as stack:
        yield lambda *arguments, **parts: stack.enter_context(PLACES[request.param](tmp_path, *arguments, **parts))
