"""Tiny models, unpacked images, and ways to ask a door without a socket or a real process with one."""

import asyncio
import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from serving.scoring.app import App
from serving.scoring.dataplane import DataPlane
from serving.scoring.doors import door_table
from serving.scoring.engine.settings import EngineSettings
from serving.scoring.engine.workers import Workers
from serving.scoring.health import Health
from serving.scoring.http.bodies import Bodies
from serving.scoring.http.messages import Request, Response, StreamedResponse
from serving.scoring.protocol import Status
from serving.scoring.runtimes.mlflow import MlflowRuntime, load_mlflow
from serving.scoring.runtimes.mlflow_batches import BatchedMlflow
from serving.scoring.runtimes.onnx import load_onnx
from serving.scoring.runtimes.script_loading import load_script
from tests.serving.scoring.models import SCRIPT, identity_model, linear_model, write_image
from tests.serving.scoring.process import Process

Ask = Callable[..., Response]
MAX_BODY_BYTES = 1 << 20

# What a process imports for its one script, and keeps to itself what that script did.
OF_SCRIPTS = ("slipway_entry_script", "azureml", "azureml_inference_server_http", "inference_schema")


@pytest.fixture
def make_image(tmp_path: Path) -> Callable[..., Path]:
    return lambda **parts: write_image(tmp_path / "image", **parts)


@pytest.fixture
def make_plane(make_image: Callable[..., Path]) -> Iterator[Callable[..., DataPlane]]:
    """Load a model into a data plane; ``model`` bytes, ``script`` text or an ``mlflow`` folder choose the runtime."""
    path, modules = list(sys.path), set(sys.modules)
    with contextlib.ExitStack() as stack:

        def make(
            max_concurrent: int = 64,
            timeout_s: float = 5.0,
            settings: EngineSettings = EngineSettings(),  # noqa: B008 - frozen
            kind: type[DataPlane] = DataPlane,
            **parts: Any,
        ) -> DataPlane:
            root = make_image(**parts)
            workers = stack.enter_context(contextlib.closing(Workers()))
            code = root / "var/azureml-app"
            return kind(load(root, code, parts, settings), workers, max_concurrent, timeout_s, settings)

        yield make
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if name.partition(".")[0] in OF_SCRIPTS:
            del sys.modules[name]


def load(root: Path, code: Path, parts: dict[str, Any], settings: EngineSettings) -> Any:
    if "script" in parts:
        return load_script(code / "score.py", code)
    if "mlflow" in parts:
        return load_mlflow(root, kind=BatchedMlflow if settings.batching == "on" else MlflowRuntime)
    return load_onnx(root, 1)


@pytest.fixture
def make_ask(make_plane: Callable[..., DataPlane]) -> Callable[..., Ask]:
    """Make ``ask(method, path, body, **headers)`` for a model, answered by the door table without a socket."""

    def make(secret: bytes | None = None, state: str = "ready", **parts: Any) -> Ask:
        return asking(make_plane(**parts), secret, state)

    return make


def asking(plane: DataPlane, secret: bytes | None = None, state: str = "ready") -> Ask:
    """Make ``ask(method, path, body, **headers)`` for a data plane."""

    def status() -> Status:
        return Status(state=state, backend="linear.blue.1", in_flight=0, executed=plane.executed, rss_bytes=1)

    app = App(door_table(plane, Health(status), "linear", "7"), secret, Bodies(MAX_BODY_BYTES))

    def ask(method: str, path: str, body: Any = b"", **headers: str) -> Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
        return asyncio.run(whole(app, Request(method.encode(), path.encode(), named, content)))

    return ask


async def whole(app: App, request: Request) -> Response:
    """Read a streamed answer to its end, which may be an error."""
    answer = await app(request)
    if not isinstance(answer, StreamedResponse):
        return answer
    response = Response(answer.status, b"".join([piece async for piece in answer.pieces]), answer.content_type)
    response.headers = answer.headers
    return response


@pytest.fixture
def ask_onnx(make_ask: Callable[..., Ask]) -> Ask:
    return make_ask(model=linear_model())


@pytest.fixture
def ask_script(make_ask: Callable[..., Ask]) -> Ask:
    return make_ask(script=SCRIPT)


@pytest.fixture
def linear() -> bytes:
    return linear_model()


@pytest.fixture
def script() -> str:
    return SCRIPT


@pytest.fixture
def identity() -> Callable[[dict[str, int]], bytes]:
    return identity_model


@pytest.fixture
def start(make_image: Callable[..., Path]) -> Iterator[Callable[..., Process]]:
    """Start a real scoring process on an image made of ``model``, ``script`` or ``mlflow``."""
    with contextlib.ExitStack() as stack:

        def begin(*arguments: str, environment: dict[str, str] | None = None, **parts: Any) -> Process:
            process = Process(make_image(**parts), *arguments, environment=environment)
            stack.callback(process.close)
            process.wait()
            return process

        yield begin
