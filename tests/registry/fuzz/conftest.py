"""A registry in a store of its own for all fuzzing, with one of each noun."""

import threading
from collections.abc import Iterator

import httpx
import pytest

from registry.api.server import RegistryServer, bind
from registry.operations.imaging.image_works import open_image_works
from registry.operations.workspace import open_workspace


@pytest.fixture(scope="module")
def fuzzed_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("fuzz")
    workspace = open_workspace(f"sqlite:///{folder}/registry.db", "memory://")
    workspace.signal.close()  # nobody waits for what will not come
    listener = bind("127.0.0.1", 0)
    server = RegistryServer(workspace, open_image_works(folder / "images"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join()
    workspace.close()


@pytest.fixture
def known(fuzzed_url: str, seeded: dict[str, str]) -> dict[str, str]:
    """The names of ``seeded``, whose bearers are there again if an earlier attack deleted them."""
    with httpx.Client(base_url=f"{fuzzed_url}/api/2.0/mlflow") as http:
        http.post("/experiments/restore", json={"experiment_id": "0"})
        http.post("/runs/restore", json={"run_id": seeded["run_id"]})
        http.put(f"{fuzzed_url}/api/v1/endpoints/cancer", json={})
    return seeded


@pytest.fixture(scope="module")
def seeded(fuzzed_url: str) -> dict[str, str]:
    """Names of what there is, by the parameter that asks for it."""
    with httpx.Client(base_url=fuzzed_url) as http:
        made = http.post("/api/2.0/mlflow/runs/create", json={"experiment_id": "0"}).json()
        run_id = made["run"]["info"]["run_id"]
        path = f"0/{run_id}/artifacts/model/m.bin"
        http.put(f"/api/2.0/mlflow-artifacts/artifacts/{path}", content=b"m").raise_for_status()
        http.post("/api/v1/models/cancer/versions", json={"run_id": run_id, "path": "model"}).raise_for_status()
        logged = http.post("/api/2.0/mlflow/logged-models", json={"experiment_id": "0"}).json()
        http.put("/api/v1/endpoints/cancer", json={}).raise_for_status()
        http.put("/api/v1/services/edge", json={"url": "http://127.0.0.1:1"}).raise_for_status()
    return {
        "run_id": run_id,
        "run_uuid": run_id,
        "run_ids": run_id,
        "experiment_id": "0",
        "experiment_ids": "0",
        "name": "cancer",
        "endpoint": "cancer",
        "model": "cancer:1",
        "version": "1",
        "model_id": logged["model"]["info"]["model_id"],
        "metric_key": "loss",
        "key": "loss",
        "path": path,
    }
