"""Two registries as processes, over one PostgreSQL and one bucket."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from tests.servers.postgresql import Postgresql
from tests.servers.processes import free_port, listens, start, stop
from tests.servers.s3 import S3

SLIPWAY = Path(sys.executable).with_name("slipway")


class Registry(NamedTuple):
    mlflow: httpx.Client
    artifacts: httpx.Client


@pytest.fixture
def registries(postgresql: Postgresql, s3: S3, tmp_path: Path) -> Iterator[list[Registry]]:
    database, artifacts = postgresql.empty_database(), s3.empty_bucket()
    processes, registries = [], []
    for port in (free_port(), free_port()):
        folder = tmp_path / str(port)
        folder.mkdir()
        command = [str(SLIPWAY), "registry", "--port", str(port), "--data-dir", str(folder)]
        command += ["--database", database, "--artifacts", artifacts]
        # Neither waits for the other: both begin on an empty database.
        processes.append(start(command, folder / "log", lambda: True))
        url = f"http://127.0.0.1:{port}/api/2.0"
        registries.append(
            Registry(
                httpx.Client(base_url=f"{url}/mlflow", timeout=30),
                httpx.Client(base_url=f"{url}/mlflow-artifacts/artifacts", timeout=30),
            )
        )
    for registry in registries:
        _wait_for(registry)
    yield registries
    for client in (one for registry in registries for one in registry):
        client.close()
    for process in processes:
        stop(process)


def test_what_one_registry_keeps_the_other_has(registries: list[Registry], postgresql: Postgresql) -> None:
    here, there = registries
    run = here.mlflow.post("runs/create", json={"experiment_id": "0"}).raise_for_status().json()["run"]["info"]
    content = b"model" * 2_000_000
    here.artifacts.put(f"0/{run['run_id']}/artifacts/model/m.bin", content=content).raise_for_status()
    assert there.artifacts.get(f"0/{run['run_id']}/artifacts/model/m.bin").content == content
    body = {"run_id": run["run_id"], "key": "lr", "value": "0.1"}
    assert there.mlflow.post("runs/log-parameter", json=body).status_code == 200
    assert here.mlflow.post("runs/log-parameter", json={**body, "value": "0.2"}).status_code == 400

    postgresql.stop()
    try:
        for registry in registries:
            answer = registry.mlflow.post("runs/log-parameter", json=body)
            assert (answer.status_code, answer.json()["error_code"]) == (503, "TEMPORARILY_UNAVAILABLE")
            assert "away" in answer.json()["message"]
    finally:
        postgresql.start()
    for registry in registries:
        found = registry.mlflow.get("runs/get", params={"run_id": run["run_id"]}).raise_for_status().json()
        assert found["run"]["data"]["params"] == [{"key": "lr", "value": "0.1"}]
        assert registry.mlflow.post("runs/log-parameter", json=body).status_code == 200


def _wait_for(registry: Registry) -> None:
    end = time.monotonic() + 30
    port = registry.mlflow.base_url.port
    while not (port and listens(port)):
        assert time.monotonic() < end
        time.sleep(0.1)
    registry.mlflow.get("experiments/get", params={"experiment_id": "0"}).raise_for_status()
