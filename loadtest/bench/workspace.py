"""Slipway as it is measured: a workspace of its own in a temporary folder, with keys, split and telemetry on."""

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import mlflow

from loadtest.bench.client import Request
from loadtest.bench.subject import Subject, free_port, wait_until_answered
from loadtest.demo.command import Slipway

ENDPOINT = "bench"
DEPLOYMENTS = {"blue": 90, "green": 10}
PORTS = ("registry", "controller", "telemetry", "http", "grpc")


class Started(NamedTuple):
    """A workspace that runs. ``folder`` is there for whatever is made for it; ``ports`` are by the process' name."""

    slipway: Slipway
    folder: Path
    ports: dict[str, int]


@contextmanager
def started_workspace(**ports: int) -> Iterator[Started]:
    """Run a workspace in a temporary folder while the context lasts, on these ports and on free ones."""
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as name:
        folder = Path(name)
        slipway = Slipway(folder / "workspace", dict(os.environ))
        taken = {process: free_port() for process in PORTS} | ports
        try:
            slipway.run("up", "--detach", *(f"--{process}-port={port}" for process, port in taken.items()))
            yield Started(slipway, folder, taken)
        finally:
            slipway.run("down")


@contextmanager
def slipway_workspace(model_path: Path, body: bytes, grpc_port: int) -> Iterator[Subject]:
    """Run a workspace that serves the model from two deployments while the context lasts."""
    with started_workspace(grpc=grpc_port) as (slipway, folder, _):
        subject = _subject(slipway, deploy_model(slipway, model_path, folder), body)
        wait_until_answered(subject)
        yield subject


def deploy_model(slipway: Slipway, model_path: Path, folder: Path) -> str:
    """Register the model, build its image, deploy it twice; return the endpoint's key."""
    mlflow.set_tracking_uri(slipway.json("status")["url"])
    with mlflow.start_run(run_name="bench") as run:
        mlflow.log_artifact(str(model_path), "model")
    slipway.json("model", "register", ENDPOINT, "--run", run.info.run_id, "--path", "model")
    image = {"name": ENDPOINT, "model": f"azureml:{ENDPOINT}:1"}
    slipway.json("image", "build", "-f", document(folder, "image", image))
    endpoint = {"name": ENDPOINT, "auth_mode": "key", "traffic_key": {"header": "x-user-id"}}
    created = slipway.json("endpoint", "create", "-f", document(folder, "endpoint", endpoint))
    for name in DEPLOYMENTS:
        deployment = {
            "name": name,
            "endpoint_name": ENDPOINT,
            "model": f"azureml:{ENDPOINT}:1",
            "environment": {"image": f"{ENDPOINT}:latest"},
            "instance_count": 1,
        }
        slipway.json("deployment", "create", "-f", document(folder, name, deployment))
    traffic = " ".join(f"{name}={percent}" for name, percent in DEPLOYMENTS.items())
    slipway.run("endpoint", "update", "--name", ENDPOINT, "--traffic", traffic)
    return str(created["keys"]["primary"])


def _subject(slipway: Slipway, key: str, body: bytes) -> Subject:
    address = urlsplit(slipway.json("status")["edge_url"])
    assert address.hostname and address.port
    headers = {"authorization": f"Bearer {key}", "x-user-id": "user-1"}
    request = Request(address.hostname, address.port, f"/endpoints/{ENDPOINT}/score", body, headers)
    pids = [int(pid) for pid in slipway.json("status")["pids"]]
    return Subject("slipway", request, lambda: pids)


def document(folder: Path, name: str, content: object) -> str:
    """Write a document for the command, and return its path."""
    path = folder / f"{name}.yaml"
    path.write_text(json.dumps(content))  # JSON is YAML
    return str(path)
