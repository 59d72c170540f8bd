"""A real edge (agent and HAProxy) between in-test replicas, an in-test controller and an in-test telemetry process."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.serving.edge.edge import Edge, eventually
from tests.serving.edge.neighbours import Controller, Telemetry
from tests.serving.edge.replica import Replica
from tests.serving.edge.tables import Tables, backend, endpoint, table

BLUE, GREEN = "cancer.blue.1", "cancer.green.1"


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


@pytest.fixture(scope="module")
def blue() -> Iterator[Replica]:
    """The replica of deployment Blue, behind ``routed``."""
    one = Replica("b0", BLUE)
    yield one
    one.close()


@pytest.fixture(scope="module")
def routed(tmp_path_factory: pytest.TempPathFactory, blue: Replica) -> Iterator[Edge]:
    """An edge with endpoint Cancer: Blue and green at 50 % each by the header x-user-id; for tests that only ask."""
    with ExitStack() as stack:
        controller, telemetry, green = Controller(), Telemetry(), Replica("g0", GREEN)
        for one in (controller, telemetry, green):
            stack.callback(one.close)
        edge = Edge(tmp_path_factory.mktemp("routed"), controller, telemetry)
        stack.callback(edge.close)
        edge.start()
        routes = [endpoint("Cancer", source="header:x-user-id", green=5000, Blue=10000), endpoint("idle", nothing=0)]
        controller.publish(table(1, routes, [backend(BLUE, blue.server), backend(GREEN, green.server)]))
        yield edge
