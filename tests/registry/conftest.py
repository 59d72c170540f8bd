"""Workspaces on a fresh database and in-memory blobs, with a clock and keys that tests can foretell."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import httpx
import pytest

from registry.api.security.access import Protection
from registry.api.server import RegistryServer, bind
from registry.core.imaging.images import Image, ImageConfig, ImageKind, ModelInImage, Runtime
from registry.core.security.access import Role
from registry.core.security.tokens import WantedToken
from registry.operations.imaging.catalog import record_image
from registry.operations.imaging.image_works import open_image_works
from registry.operations.security.tokens import create_token
from registry.operations.workspace import Workspace, open_workspace
from registry.store.blobs import open_blobs
from registry.store.metadata import open_metadata

Ask = Callable[..., httpx.Response]


@pytest.fixture
def database(tmp_path: Path) -> str:
    """The URL of the workspace's metadata. Where a folder's tests run over PostgreSQL too, its conftest says so."""
    return f"sqlite:///{tmp_path}/registry.db"


@pytest.fixture
def workspace(database: str) -> Iterator[Workspace]:
    clock, keys = count(1_000), count(1)
    workspace = Workspace(
        metadata=open_metadata(database),
        blobs=open_blobs("memory://"),
        now_ms=lambda: next(clock),
        new_key=lambda: f"key-{next(keys)}",
    )
    yield workspace
    workspace.close()


@pytest.fixture
def image(workspace: Workspace) -> Image:
    """An image that holds cancer:1."""
    return record_image(
        workspace,
        name="cancer-onnx",
        digest=f"sha256:{'a' * 64}",
        config=ImageConfig(
            schema=1,
            kind=ImageKind.SCORING,
            runtime=Runtime.ONNX,
            python="3.11",
            environment=f"sha256:{'e' * 64}",
            models=[ModelInImage(name="cancer", version=1, path="var/azureml-app/azureml-models/cancer/1")],
        ),
        layers=[],
        size_bytes=7,
    )


@pytest.fixture
def url(workspace: Workspace, tmp_path: Path) -> Iterator[str]:
    """The address of a running registry."""
    with serve(workspace, tmp_path / "images") as url:
        yield url


@contextmanager
def serve(workspace: Workspace, images: Path) -> Iterator[str]:
    """Run a registry over a workspace, and give its address."""
    listener = bind("127.0.0.1", 0)
    server = RegistryServer(workspace, open_image_works(images))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
def http(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url) as client:
        yield client


@pytest.fixture
def guarded_workspace(database: str) -> Iterator[Workspace]:
    """A workspace with real clocks and keys."""
    workspace = open_workspace(database, "memory://")
    yield workspace
    workspace.close()


@pytest.fixture
def secrets(guarded_workspace: Workspace) -> dict[str, str]:
    """One token of each role."""
    return {role: create_token(guarded_workspace, WantedToken(name=f"the-{role}", role=role)).secret for role in Role}


@pytest.fixture
def guarded_url(guarded_workspace: Workspace, tmp_path: Path) -> Iterator[str]:
    """The address of a running registry that wants tokens."""
    listener = bind("127.0.0.1", 0)
    protection = Protection(tokens=True, hosts=frozenset({"registry.example"}))
    server = RegistryServer(guarded_workspace, open_image_works(tmp_path / "guarded-images"), protection)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join()


@pytest.fixture
def ask(guarded_url: str, secrets: dict[str, str]) -> Iterator[Ask]:
    """Return a function that calls as a role ("" is nobody): ``ask("reader", "GET", path)``."""
    with httpx.Client(base_url=guarded_url, timeout=20) as client:

        def call(role: str, method: str, path: str, **more: object) -> httpx.Response:
            headers = {"authorization": f"Bearer {secrets[role]}"} if role else {}
            return client.request(method, path, headers=headers, **more)  # type: ignore[arg-type]

        yield call
