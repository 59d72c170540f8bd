"""A registry that wants tokens, and one token of each role."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from registry.api.access import Protection
from registry.api.server import RegistryServer, bind
from registry.core.access import Role
from registry.core.tokens import WantedToken
from registry.operations.images import open_image_works
from registry.operations.tokens import create_token
from registry.operations.workspace import Workspace, open_workspace

Ask = Callable[..., httpx.Response]


@pytest.fixture
def guarded_workspace(tmp_path: Path) -> Iterator[Workspace]:
    """A workspace with real clocks and keys."""
    workspace = open_workspace(f"sqlite:///{tmp_path}/guarded.db", "memory://")
    yield workspace
    workspace.close()


@pytest.fixture
def secrets(guarded_workspace: Workspace) -> dict[str, str]:
    return {role: create_token(guarded_workspace, WantedToken(name=f"the-{role}", role=role)).secret for role in Role}


@pytest.fixture
def guarded_url(guarded_workspace: Workspace, tmp_path: Path) -> Iterator[str]:
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
