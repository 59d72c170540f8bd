"""One scoring process for each image, and one edge before them all, for as long as the suite runs."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial

import pytest

from registry.core.deploying.keys import KeyHash
from serving.wire.routing import DeploymentRoute, EndpointRoute, Server, ServerState
from tests.contract_scoring.images import IMAGES, VERSION, Image
from tests.serving.clients.places import Place
from tests.serving.edge.edge import Edge, eventually
from tests.serving.edge.neighbours import Controller, Telemetry
from tests.serving.edge.replica import SECRET
from tests.serving.edge.tables import KEY, backend, table
from tests.serving.scoring.models import write_image
from tests.serving.scoring.process import Process


def backend_of(image: Image) -> str:
    return f"{image.name}.blue.1"


@pytest.fixture(scope="session")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Process]]:
    """A scoring process for each image, as its supervisor starts it."""
    with ExitStack() as stack:
        started = {}
        for image in IMAGES:
            folder = tmp_path_factory.mktemp(image.name)
            root = write_image(folder / "image", **image.parts(folder))
            arguments = ["--serve-as", image.name, "--backend", backend_of(image)]
            process = Process(root, *arguments, environment={"SLIPWAY_EDGE_SECRET": SECRET})
            started[image.name] = process
            stack.callback(process.close)
        for process in started.values():
            process.wait()
        yield started


@pytest.fixture(scope="session")
def edge(processes: dict[str, Process], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    """An edge that knows an endpoint for each image."""
    with ExitStack() as stack:
        controller, telemetry = Controller(), Telemetry()
        stack.callback(telemetry.close)
        stack.callback(controller.close)
        one = Edge(tmp_path_factory.mktemp("edge"), controller, telemetry)
        stack.callback(one.close)
        one.start()
        backends = [backend(backend_of(image), server_of(image, processes), timeout_ms=5000) for image in IMAGES]
        controller.publish(table(1, [endpoint_of(image) for image in IMAGES], backends))
        for image in IMAGES:
            eventually(partial(is_ready, one, image.name))
        yield one


def server_of(image: Image, processes: dict[str, Process]) -> Server:
    process = processes[image.name]
    return Server(id=image.name, http_address=process.http, grpc_address=process.grpc, state=ServerState.READY)


def endpoint_of(image: Image) -> EndpointRoute:
    return EndpointRoute(
        name=image.name,
        keys=[KeyHash("primary", hashlib.sha256(KEY.encode()).hexdigest())],
        intervals=[(10_000, "blue")],
        deployments=[DeploymentRoute(name="blue", backend=backend_of(image), model_versions=[VERSION])],
    )


def is_ready(edge: Edge, name: str) -> bool:
    return edge.client.get(f"/endpoints/{name}/ping", headers=edge.headers).status_code == 200


PlaceOf = Callable[[Image], Place]


@pytest.fixture(params=["at_the_scoring_port", "through_the_edge"])
def place_of(request: pytest.FixtureRequest) -> PlaceOf:
    """Where an image is asked: its scoring process' own ports, with the header an edge would send, or an edge's."""
    fixture = {"at_the_scoring_port": "at_scoring_port", "through_the_edge": "through_edge"}[request.param]
    found: PlaceOf = request.getfixturevalue(fixture)
    return found


@pytest.fixture(scope="session")
def at_scoring_port(processes: dict[str, Process]) -> PlaceOf:
    def place(image: Image) -> Place:
        process = processes[image.name]
        return Place(f"http://{process.http}", process.grpc, {"x-slipway-edge": SECRET}, process)

    return place


@pytest.fixture(scope="session")
def through_edge(edge: Edge, processes: dict[str, Process]) -> PlaceOf:
    def place(image: Image) -> Place:
        http = f"http://127.0.0.1:{edge.http_port}/endpoints/{image.name}"
        return Place(http, f"127.0.0.1:{edge.grpc_port}", dict(edge.headers), processes[image.name], edge)

    return place
