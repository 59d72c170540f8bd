"""Where clients reach a model: a real scoring process at its own port, or the same through a real edge."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from serving.wire.routing import Server, ServerState
from tests.serving.edge.edge import Edge
from tests.serving.edge.neighbours import Controller, Telemetry
from tests.serving.edge.replica import SECRET
from tests.serving.edge.tables import backend, endpoint, table
from tests.serving.scoring.models import write_image
from tests.serving.scoring.process import Process

NAME, BACKEND = "linear", "linear.blue.1"


@dataclass(frozen=True)
class Place:
    """``http`` is a base URL, ``grpc`` an address; ``headers`` open the door there, and are metadata of gRPC too."""

    http: str
    grpc: str
    headers: dict[str, str]
    process: Process
    edge: Edge | None = None
    controller: Controller | None = None
    telemetry: Telemetry | None = None

    @property
    def base(self) -> str:
        """The base URL of everything under the endpoint itself."""
        return self.http if self.edge is None else f"{self.http}/endpoints/{NAME}"

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        return tuple(self.headers.items())


@contextlib.contextmanager
def at_port(folder: Path, *arguments: str, **parts: Any) -> Iterator[Place]:
    """Serve an image made of ``parts``; the scoring process is asked directly."""
    with _process(folder, *arguments, **parts) as process:
        yield Place(f"http://{process.http}", process.grpc, {}, process)


@contextlib.contextmanager
def through_edge(folder: Path, *arguments: str, timeout_ms: int = 5000, **parts: Any) -> Iterator[Place]:
    """Serve an image made of ``parts`` as the endpoint ``linear``; its only replica is asked through an edge."""
    named = ("--serve-as", NAME, "--backend", BACKEND, "--request-timeout-ms", str(timeout_ms), *arguments)
    with contextlib.ExitStack() as stack:
        secret = {"SLIPWAY_EDGE_SECRET": SECRET}
        process = stack.enter_context(_process(folder, *named, environment=secret, **parts))
        controller, telemetry = Controller(), Telemetry()
        stack.callback(controller.close)
        stack.callback(telemetry.close)
        (folder / "edge").mkdir()
        edge = Edge(folder / "edge", controller, telemetry)
        stack.callback(edge.close)
        edge.start()
        replica = Server(id="r0", http_address=process.http, grpc_address=process.grpc, state=ServerState.READY)
        served = backend(BACKEND, replica, timeout_ms=timeout_ms)
        controller.publish(table(1, [endpoint(NAME, blue=10000)], [served]))
        url = f"http://127.0.0.1:{edge.http_port}"
        yield Place(url, f"127.0.0.1:{edge.grpc_port}", edge.headers, process, edge, controller, telemetry)


@contextlib.contextmanager
def _process(
    folder: Path, *arguments: str, environment: dict[str, str] | None = None, **parts: Any
) -> Iterator[Process]:
    process = Process(write_image(folder / "image", **parts), *arguments, environment=environment)
    try:
        yield process
    finally:
        process.close()


PLACES = {"port": at_port, "edge": through_edge}
