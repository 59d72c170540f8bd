"""A real edge (agent and HAProxy) between in-test replicas, an in-test controller and an in-test telemetry process."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.serving.edge.edge import Edge, eventually
from tests.serving.edge.neighbours import Controller, Telemetry
from tests.serving.edge.replica import Replica
from tests.serving.edge.tables import Tables


@pytest.fixture(name="eventually")
def eventually_fixture() -> Callable[..., Any]:
    return eventually


@pytest.fixture
def replica() -> Iterator[Callable[..., Replica]]:
    made: list[Replica] = []

    def make(name: str, backend: str = "cancer.blue.1") -> Replica:
        made.append(Replica(name, backend))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def make() -> Tables:
    return Tables()


@pytest.fixture
def controller() -> Iterator[Controller]:
    one = Controller()
    yield one
    one.close()


@pytest.fixture
def telemetry() -> Iterator[Telemetry]:
    one = Telemetry()
    yield one
    one.close()


@pytest.fixture
def edge(tmp_path: Path, controller: Controller, telemetry: Telemetry) -> Iterator[Edge]:
    one = Edge(tmp_path, controller, telemetry)
    one.start()
    yield one
    one.close()
